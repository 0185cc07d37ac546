//! The messages on the broker. Each carries its version; unknown versions are refused, unknown
//! extra fields are not.

mod event;
mod reply;
mod request;
mod step;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use event::{Event, EventKind};
pub use reply::{Answer, Reason, ReasonCode, Reply};
pub use request::{Options, UpgradeRequest};
pub use step::{Revert, Step};

/// The longest message that is read, in bytes. Real ones stay under 4 KiB.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A type that travels as a message.
pub trait Message: Serialize + DeserializeOwned + JsonSchema {
    /// The AMQP `type` property, for example `upgrade-request`.
    const TYPE: &'static str;
}

/// Version 1 of a message: the number 1, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1;

const VERSION: u64 = 1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(VERSION)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            VERSION => Ok(V1),
            other => Err(serde::de::Error::custom(format_args!(
                "unknown version {other}"
            ))),
        }
    }
}

impl JsonSchema for V1 {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "const": VERSION, "description": "The version of this message." })
    }
}

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
/// [`DecodeError`]; an unknown version is reported as such before the rest is looked at.
pub fn decode<M: Message>(body: &[u8]) -> Result<M, DecodeError> {
    #[derive(Deserialize)]
    struct Envelope {
        version: u64,
    }

    if body.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooLong(body.len()));
    }
    serde_json::from_slice(body).map_err(|error| match serde_json::from_slice(body) {
        Ok(Envelope { version }) if version != VERSION => DecodeError::UnknownVersion {
            kind: M::TYPE,
            found: version,
        },
        _ => DecodeError::Invalid {
            kind: M::TYPE,
            problem: error.to_string(),
        },
    })
}

/// Writes a message.
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    // Our own types hold no map with keys that are not text and no failing serializer, which are
    // the only ways in which serde_json can fail on memory.
    serde_json::to_vec(message).unwrap_or_default()
}
