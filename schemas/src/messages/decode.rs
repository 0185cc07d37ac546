//! Reading a message that someone else wrote.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{MAX_MESSAGE_BYTES, Message, VERSION};

/// Why a message can't be read. The text is safe to log, to answer with and to keep as a header:
/// it says where and what, without repeating the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`MAX_MESSAGE_BYTES`].
    #[error("the message has {0} bytes, more than the {MAX_MESSAGE_BYTES} allowed")]
    TooLong(usize),
    /// Not JSON, or JSON of another shape.
    #[error("not a valid {kind}: {problem}")]
    Invalid {
        /// What was expected.
        kind: &'static str,
        /// What is wrong, and where.
        problem: String,
    },
    /// A version that this program does not know.
    #[error("the {kind} has version {found}; this program reads version {VERSION}")]
    UnknownVersion {
        /// What was expected.
        kind: &'static str,
        /// The version found.
        found: u64,
    },
}

/// Reads a message.
///
/// # Errors
/// [`DecodeError`]; an unknown version is reported as such, whatever else the message holds.
pub fn decode<M: Message>(body: &[u8]) -> Result<M, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope {
        version: u64,
    }

    if body.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooLong(body.len()));
    }
    let invalid = |problem| DecodeError::Invalid {
        kind: M::TYPE,
        problem,
    };
    // serde_json does not look into the strings of fields that it skips.
    let text = std::str::from_utf8(body)
        .map_err(|error| invalid(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    // serde would read an array as the fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(invalid("a JSON object is needed, not an array".to_owned()));
    }
    read(text).map_err(|problem| match read(text) {
        Ok(Envelope { version }) if version != VERSION => DecodeError::UnknownVersion {
            kind: M::TYPE,
            found: version,
        },
        _ => invalid(problem),
    })
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        problem(&path, &error.into_inner())
    })?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// What is wrong and where, in words of our own: serde's texts repeat the value that they refuse.
fn problem(path: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.classify() != Category::Data {
        // Syntax: serde_json's texts are fixed, and the path may name a field that is not ours.
        return text;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = without_value(text.strip_suffix(&place).unwrap_or(&text));
    match path {
        // The whole message, or within a part whose fields serde collects before it reads them.
        "." => format!("{what}{place}"),
        _ => format!("{path}: {what}{place}"),
    }
}

/// The text of a serde error without the value in it. A text of an unknown form is dropped whole.
fn without_value(text: &str) -> String {
    // The expectation is the last part, and never has this separator in itself.
    let expected = text
        .rsplit_once(", expected ")
        .map(|(_, expected)| expected);
    let wrong = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    match (wrong, expected) {
        (Some(wrong), Some(expected)) => {
            let kind = wrong.split(['"', '`', ',']).next().unwrap_or_default();
            format!("found {}, expected {expected}", kind.trim_end())
        }
        (None, Some(expected)) if text.starts_with("unknown variant `") => {
            format!("found an unknown word, expected {expected}")
        }
        _ if text.starts_with("UUID parsing failed") => "not a UUID".to_owned(),
        _ if is_own_text(text) => text.to_owned(),
        _ => "not an acceptable value".to_owned(),
    }
}

/// Texts that name fields and rules of ours only.
fn is_own_text(text: &str) -> bool {
    ["missing field `", "duplicate field `", "unknown version "]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || (text.starts_with("invalid ") && !text.contains(['"', '`']))
}
