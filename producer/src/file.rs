//! Reads JSON and TOML files, and says which field of one is wrong.

use std::path::Path;

use schemas::strict::Strict;
use serde::de::DeserializeOwned;

use crate::error::CliError;

/// Reads a `T` from a file whose ending tells JSON from TOML.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let parse: fn(&str) -> Result<T, String> = match ending {
        Some("json") => from_json,
        Some("toml") => from_toml,
        _ => return Err(CliError::FileEnding(path.to_owned())),
    };
    let text = std::fs::read_to_string(path).map_err(|source| CliError::FileUnreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problem| CliError::FileInvalid {
        path: path.to_owned(),
        problem,
    })
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Strict::new(&mut parser)).map_err(|error| {
        let inner = error.inner();
        let message = inner.to_string();
        // serde_json puts the place at the end of its message; ours stands in front.
        let place = format!(" at line {} column {}", inner.line(), inner.column());
        problem(inner.line(), error.path(), message.trim_end_matches(&place))
    })?;
    parser.end().map_err(|error| error.to_string())?;
    Ok(value)
}

fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let line = |error: &toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        text.bytes()
            .take(start)
            .filter(|&byte| byte == b'\n')
            .count()
            + 1
    };
    // Only the message of an error: all of it would quote the line, and with it a password.
    let parser = toml::Deserializer::parse(text)
        .map_err(|error| format!("line {}: {}", line(&error), error.message()))?;
    serde_path_to_error::deserialize(Strict::new(parser)).map_err(|error| {
        let inner = error.inner();
        problem(line(inner), error.path(), inner.message())
    })
}

fn problem(line: usize, path: &serde_path_to_error::Path, message: &str) -> String {
    let field = path.to_string();
    // A value of the wrong type is quoted in the message.
    let message = if field.ends_with("password") {
        "not an encoded password as a device's running-config shows it"
    } else {
        message
    };
    format!("line {line}: {field}: {message}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use schemas::inventory::Inventory;

    use super::*;

    #[test]
    fn names_the_field_and_the_line() {
        let error = from_json::<Inventory>("{\n\"firmware_hosts\": [{\n\"ip_address\": \"x\"}]}");
        assert_eq!(
            error.unwrap_err(),
            "line 3: firmware_hosts[0].ip_address: invalid address: expected an IPv4 address like 10.20.246.28 or an IPv6 address like 2001:db8::28, without a zone, a port or a prefix length"
        );
        let error = from_toml::<Inventory>("\n[[firmware_hosts]]\nip_address = \"x\"\n");
        assert_eq!(
            error.unwrap_err(),
            "line 3: firmware_hosts[0].ip_address: invalid address: expected an IPv4 address like 10.20.246.28 or an IPv6 address like 2001:db8::28, without a zone, a port or a prefix length"
        );
    }

    #[test]
    fn syntax_errors_have_a_line() {
        let json = from_json::<Inventory>("{\n\"deployments\": [}").unwrap_err();
        assert!(json.starts_with("line 2: "), "{json}");
        let toml = from_toml::<Inventory>("\n\ndeployments = [}").unwrap_err();
        assert!(toml.starts_with("line 3: "), "{toml}");
        assert!(from_json::<Inventory>("{} {}").is_err());
    }

    #[test]
    fn never_quotes_a_password() {
        #[derive(Debug, serde::Deserialize)]
        struct Login {
            #[expect(dead_code, reason = "only read to fail")]
            password: schemas::values::EncodedSecret,
        }
        for bad in ["4711", "\"hunter 4711\"", "[\"4711\"]", "\"4711"] {
            let json = from_json::<Login>(&format!("{{\"password\": {bad}}}")).unwrap_err();
            assert!(!json.contains("4711"), "{json}");
            let toml = from_toml::<Login>(&format!("password = {bad}\n")).unwrap_err();
            assert!(!toml.contains("4711"), "{toml}");
        }
    }
}
