//! Headers as JSON: for people, for programs, and for the digest.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Number, Value, json};

/// The headers of a message.
pub(super) fn headers(properties: &BasicProperties) -> Map<String, Value> {
    properties.headers().as_ref().map(table).unwrap_or_default()
}

/// The text of a header; `None` if there is none, or it is none.
pub(super) fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(readable(text.as_bytes())),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A whole number of any width, from 0.
pub(super) fn count(value: &AMQPValue) -> Option<u64> {
    json(value).as_u64()
}

fn table(table: &FieldTable) -> Map<String, Value> {
    let entries = table.inner().iter();
    entries
        .map(|(name, value)| (name.to_string(), json(value)))
        .collect()
}

fn json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => Value::from(*value),
        AMQPValue::ShortShortInt(value) => Value::from(*value),
        AMQPValue::ShortShortUInt(value) => Value::from(*value),
        AMQPValue::ShortInt(value) => Value::from(*value),
        AMQPValue::ShortUInt(value) => Value::from(*value),
        AMQPValue::LongInt(value) => Value::from(*value),
        AMQPValue::LongUInt(value) => Value::from(*value),
        AMQPValue::LongLongInt(value) => Value::from(*value),
        AMQPValue::Timestamp(value) => Value::from(*value),
        AMQPValue::Float(value) => float((*value).into()),
        AMQPValue::Double(value) => float(*value),
        AMQPValue::DecimalValue(value) => json!({ "scale": value.scale, "value": value.value }),
        AMQPValue::ShortString(value) => Value::from(value.to_string()),
        AMQPValue::LongString(value) => Value::from(readable(value.as_bytes())),
        AMQPValue::ByteArray(value) => Value::from(readable(value.as_slice())),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(json).collect(),
        AMQPValue::FieldTable(inner) => Value::Object(table(inner)),
        AMQPValue::Void => Value::Null,
    }
}

/// JSON has no infinity, and nothing that is no number.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::from(value.to_string()), Value::Number)
}

/// Text as it is; each byte that is none as `\xff`.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use lapin::types::{ByteArray, DecimalValue, FieldArray, LongString};

    use super::*;

    #[test]
    fn headers_of_every_type_become_json() {
        let mut inner = FieldTable::default();
        inner.insert("deep".into(), AMQPValue::Void);
        let values = vec![
            AMQPValue::Boolean(true),
            AMQPValue::ShortShortInt(-1),
            AMQPValue::ShortShortUInt(1),
            AMQPValue::ShortInt(-2),
            AMQPValue::ShortUInt(2),
            AMQPValue::LongInt(-3),
            AMQPValue::LongUInt(3),
            AMQPValue::LongLongInt(i64::MIN),
            AMQPValue::Timestamp(u64::MAX),
            AMQPValue::Float(0.5),
            AMQPValue::Double(f64::NAN),
            AMQPValue::DecimalValue(DecimalValue { scale: 1, value: 2 }),
            AMQPValue::ShortString("short".into()),
            AMQPValue::LongString(LongString::from(b"caf\xc3\xa9 \xff".to_vec())),
            AMQPValue::ByteArray(ByteArray::from(b"\x00\xfe".to_vec())),
            AMQPValue::FieldTable(inner),
            AMQPValue::Void,
        ];
        let array = AMQPValue::FieldArray(FieldArray::from(values));
        let expected = json!([
            true, -1, 1, -2, 2, -3, 3, i64::MIN, u64::MAX, 0.5, "NaN",
            {"scale": 1, "value": 2}, "short", "café \\xff", "\0\\xfe", {"deep": null}, null,
        ]);
        assert_eq!(json(&array), expected);
    }
}
