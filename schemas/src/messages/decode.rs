//! Reading a message that someone else wrote.

mod forbidden;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{MAX_MESSAGE_BYTES, Message, VERSION};
use crate::problem::{place, without_value};
use crate::strict::Strict;

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
    /// A password in clear text, where the name of a secret is expected.
    #[error(
        "not a valid {kind}: the field {field} holds a password in clear text; passwords never travel: name a secret in {instead} instead"
    )]
    ClearText {
        /// What was expected.
        kind: &'static str,
        /// The field that must not be there.
        field: String,
        /// The field that stands for it.
        instead: &'static str,
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

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a message.
///
/// # Errors
/// [`DecodeError`]; an unknown version is reported as such, whatever else the message holds, and
/// so is a password in clear text.
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
    let text = std::str::from_utf8(body).map_err(|error| invalid(not_utf8(body, &error)))?;
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(invalid(
            "it starts with a byte order mark (BOM), which JSON does not allow: send the text \
             without it"
                .to_owned(),
        ));
    }
    if let Some((field, instead)) = forbidden::find::<M>(text) {
        let kind = M::TYPE;
        return Err(DecodeError::ClearText {
            kind,
            field,
            instead,
        });
    }
    read(text).map_err(|problem| match read(text) {
        Ok(Envelope { version }) if version != VERSION => DecodeError::UnknownVersion {
            kind: M::TYPE,
            found: version,
        },
        _ => invalid(problem),
    })
}

fn not_utf8(body: &[u8], error: &std::str::Utf8Error) -> String {
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return "it is UTF-16, by its byte order mark (BOM): send UTF-8 without one".to_owned();
    }
    format!("not UTF-8 at byte {}", error.valid_up_to())
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Strict::new(&mut json)).map_err(|error| {
        let path = place(error.path());
        problem(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// What is wrong and where, in words of our own.
fn problem(path: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !error.is_data() {
        // Syntax: serde_json's texts are fixed, and the path may name a field that is not ours.
        return text;
    }
    let place = match error.line() {
        // Of what was collected before it was read nobody knows the line.
        0 => String::new(),
        line => format!(" at line {line} column {}", error.column()),
    };
    let what = without_value(text.strip_suffix(&place).unwrap_or(&text));
    match path {
        // The whole message, or within a part whose fields serde collects before it reads them.
        "" => format!("{what}{place}"),
        _ => format!("{path}: {what}{place}"),
    }
}
