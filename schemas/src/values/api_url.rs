//! The base address of a REST API, kept as text because that is how clients take it.

use serde::{Deserialize, Deserializer};

use super::{InvalidValue, all};

pub(crate) const MAX_LEN: usize = 255;
/// What [`is_api_url`] accepts, for the JSON Schema.
pub(crate) const PATTERN: &str =
    r"^https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?$";

/// Reads an address, and refuses what could hide a password or point elsewhere.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let expected = if text.len() > MAX_LEN {
        "at most 255 characters"
    } else if !is_api_url(&text) {
        "https:// with a host, perhaps a port and a path, and nothing else"
    } else {
        return Ok(text);
    };
    let what = "API address";
    Err(serde::de::Error::custom(InvalidValue { what, expected }))
}

fn is_api_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    is_authority(authority) && is_path(path)
}

fn is_authority(text: &str) -> bool {
    let (host_is_good, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, port)) => (
            !ip.is_empty()
                && ip
                    .chars()
                    .all(|c| c.is_ascii_hexdigit() || ":.".contains(c)),
            port,
        ),
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (!host.is_empty() && all(host, ".-"), port)
        }
    };
    host_is_good && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Parts between slashes; only the last may be empty.
fn is_path(text: &str) -> bool {
    let (parts, last) = text
        .rsplit_once('/')
        .map_or((None, text), |(parts, last)| (Some(parts), last));
    let is_part = |part: &str| !part.is_empty() && all(part, "._~-");
    parts.is_none_or(|parts| parts.split('/').all(is_part)) && (last.is_empty() || is_part(last))
}
