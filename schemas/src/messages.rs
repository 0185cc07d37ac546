//! The messages on the broker. Each carries its version; unknown versions are refused, unknown
//! extra fields are not.

mod decode;
mod event;
mod fields;
mod reply;
mod request;
mod step;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use decode::{DecodeError, decode};
pub use event::{Event, EventKind};
pub use fields::parse_id;
pub use reply::{Answer, Reason, ReasonCode, Reply};
pub use request::{Options, UpgradeRequest};
pub use step::{Revert, Step};

/// The longest message that is read, in bytes. Real ones stay under 4 KiB.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A type that travels as a message.
pub trait Message: Serialize + DeserializeOwned + JsonSchema {
    /// The AMQP `type` property, for example `upgrade-request`.
    const TYPE: &'static str;

    /// What to send instead of a field that must not be there. Other fields that this program
    /// does not know are ignored.
    fn instead_of(_field: &str) -> Option<&'static str> {
        None
    }
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

/// Writes a message.
#[expect(
    clippy::expect_used,
    reason = "serde_json fails in memory only on map keys that are not text and on failing serializers; the messages have neither"
)]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    serde_json::to_vec(message).expect("a message is JSON")
}
