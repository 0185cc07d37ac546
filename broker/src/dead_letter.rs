//! What a message becomes when it is set aside.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use schemas::names::{HEADER_REASON, HEADER_SOURCE_QUEUE};

/// The longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// The most that the original's headers may weigh, in bytes, to be kept. All headers must fit
/// into one frame, commonly of 128 KiB; the broker closes the connection over a larger one.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The properties of the copy: those of the original, with where it comes from and why. Left out
/// is what the broker would act on: it refuses another user's id, drops what has expired, and
/// routes by CC and BCC. Left out, too, are headers that might not fit.
pub(crate) fn properties(original: &BasicProperties, queue: &str, reason: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    let original_headers = original.headers().as_ref();
    for (name, value) in original_headers
        .filter(|headers| table_bytes(headers) <= MAX_HEADER_BYTES)
        .into_iter()
        .flat_map(FieldTable::inner)
    {
        if !matches!(name.as_str(), "CC" | "BCC") {
            headers.insert(name.clone(), value.clone());
        }
    }
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
    for (name, value) in [(HEADER_REASON, reason), (HEADER_SOURCE_QUEUE, queue)] {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    }
    let mut properties = BasicProperties::default()
        .with_headers(headers)
        .with_delivery_mode(super::publisher::PERSISTENT);
    macro_rules! keep {
        ($($get:ident => $with:ident),* $(,)?) => {$(
            if let Some(value) = original.$get() {
                properties = properties.$with(value.clone());
            }
        )*};
    }
    keep! {
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        kind => with_type,
        app_id => with_app_id,
    }
    properties
}

/// What a table weighs on the wire, about.
fn table_bytes(table: &FieldTable) -> usize {
    let entries = table.inner().iter();
    entries
        .map(|(name, value)| name.as_str().len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &AMQPValue) -> usize {
    // A type, and a length or a number.
    let fixed = 16;
    fixed
        + match value {
            AMQPValue::LongString(text) => text.as_bytes().len(),
            AMQPValue::ShortString(text) => text.as_str().len(),
            AMQPValue::ByteArray(bytes) => bytes.len(),
            AMQPValue::FieldArray(values) => values.as_slice().iter().map(value_bytes).sum(),
            AMQPValue::FieldTable(table) => table_bytes(table),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = "é".repeat(MAX_REASON_BYTES);
        let properties = properties(&BasicProperties::default(), "queue", &format!("x{reason}"));
        let headers = properties.headers().as_ref().unwrap();
        let AMQPValue::LongString(kept) = &headers.inner()[HEADER_REASON] else {
            panic!("{headers:?}");
        };
        assert_eq!(kept.to_string(), format!("x{}", "é".repeat(511)));
    }
}
