//! Fields that serde would read more liberally than their JSON Schemas.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::values::InvalidValue;

/// The number of a step, which starts at 1.
pub(super) fn seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let number = i32::try_from(number).ok().filter(|number| *number >= 1);
    number.ok_or_else(|| {
        D::Error::custom(InvalidValue {
            what: "seq",
            expected: "a whole number from 1 to 2147483647",
        })
    })
}

/// A UUID in its one standard form: `Uuid` also reads braces, `urn:uuid:` and no hyphens.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    parse_id(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same, absent or null.
pub(super) fn optional_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let found = text.as_deref().map(parse_id).transpose();
    found.map_err(D::Error::custom)
}

/// A UUID as messages hold it.
///
/// # Errors
/// [`InvalidValue`], which says what is expected.
pub fn parse_id(text: &str) -> Result<Uuid, InvalidValue> {
    const STANDARD_LEN: usize = 36;
    let found = Uuid::parse_str(text).ok();
    found
        .filter(|_| text.len() == STANDARD_LEN)
        .ok_or(InvalidValue {
            what: "id",
            expected: "a UUID with hyphens, like 4f1b6a52-7c0d-4e3a-9b57-21d8a6c30e94",
        })
}

/// A time of RFC 3339: `DateTime` also reads blanks for the `T`, and more.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    const SEPARATOR: usize = 10;
    /// More digits would be dropped without a word.
    const MAX_FRACTION: usize = 9;
    let text = String::deserialize(deserializer)?;
    let standard = text.as_bytes().get(SEPARATOR) == Some(&b'T')
        && !text.contains(|c: char| c.is_ascii_lowercase())
        // A leap second: what follows can't count on those.
        && text.get(17..19) != Some("60")
        && fraction(&text).len() <= MAX_FRACTION;
    let found = DateTime::parse_from_rfc3339(&text).ok();
    found
        .filter(|_| standard)
        .map(|time| time.to_utc())
        .ok_or_else(|| {
            D::Error::custom(InvalidValue {
                what: "time",
                expected: "a time like 2026-11-25T07:23:11.5Z",
            })
        })
}

/// The digits behind the seconds' point.
fn fraction(time: &str) -> &str {
    let behind = time.split_once('.').map_or("", |(_, behind)| behind);
    let end = behind.find(|c: char| !c.is_ascii_digit());
    &behind[..end.unwrap_or(behind.len())]
}

/// The JSON Schema of an id.
pub(super) struct Id;
/// The JSON Schema of a time.
pub(super) struct Time;

// The patterns are for validators that take formats as remarks, and for what the formats allow
// beyond them.
impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A UUID, with hyphens.",
            "format": "uuid",
            "pattern": "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
        })
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time of RFC 3339 with T and Z in upper case, without leap seconds.",
            "format": "date-time",
            "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
        })
    }
}
