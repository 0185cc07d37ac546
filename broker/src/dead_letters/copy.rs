//! What a message becomes when it is set aside, and when it is put back.

use std::time::{SystemTime, UNIX_EPOCH};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use schemas::names::{
    HEADER_REASON, HEADER_REMEDY, HEADER_SET_ASIDE_AT, HEADER_SET_ASIDE_BY, HEADER_SOURCE_QUEUE,
};

use crate::publisher::PERSISTENT;

/// The longest reason or remedy that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// The most that the original's headers may weigh, in bytes, to be kept. All headers must fit
/// into one frame, commonly of 128 KiB; the broker closes the connection over a larger one.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Why a message is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// What is wrong with it, in words that do not repeat it.
    pub reason: String,
    /// What an operator can do about it.
    pub remedy: String,
}

/// The properties of the copy among the dead letters: those of the original, with where it comes
/// from, why, when and through whom. Left out are headers that might not fit.
pub(crate) fn set_aside(
    original: &BasicProperties,
    queue: &str,
    why: &SetAside,
    by: &str,
) -> BasicProperties {
    let original_headers = original.headers().as_ref();
    let mut headers = original_headers
        .filter(|headers| table_bytes(headers) <= MAX_HEADER_BYTES)
        .map(own_headers)
        .unwrap_or_default();
    for (name, text) in [
        (HEADER_REASON, cut(&why.reason)),
        (HEADER_REMEDY, cut(&why.remedy)),
        (HEADER_SOURCE_QUEUE, queue),
        (HEADER_SET_ASIDE_BY, by),
    ] {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(text)));
    }
    // A clock before 1970 tells nothing.
    if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
        let seconds = AMQPValue::Timestamp(now.as_secs());
        headers.insert(HEADER_SET_ASIDE_AT.into(), seconds);
    }
    own_properties(original).with_headers(headers)
}

/// The properties of a letter that is put back into its queue: those of a message that was never
/// delivered and never set aside.
pub(crate) fn redriven(letter: &BasicProperties) -> BasicProperties {
    let headers = letter.headers().as_ref().map(own_headers);
    own_properties(letter).with_headers(headers.unwrap_or_default())
}

/// The headers that the message was published with. Left out is what counts and explains its
/// deliveries and deaths, and what the broker would route by.
fn own_headers(headers: &FieldTable) -> FieldTable {
    let mut own = FieldTable::default();
    for (name, value) in headers.inner() {
        if !is_account(name.as_str()) && !matches!(name.as_str(), "CC" | "BCC") {
            own.insert(name.clone(), value.clone());
        }
    }
    own
}

/// Whether a header is the broker's or a worker's account of what became of the message.
fn is_account(name: &str) -> bool {
    name.starts_with("x-first-death-")
        || name.starts_with("x-last-death-")
        || [
            "x-death",
            "x-delivery-count",
            "x-acquired-count",
            HEADER_REASON,
            HEADER_REMEDY,
            HEADER_SOURCE_QUEUE,
            HEADER_SET_ASIDE_AT,
            HEADER_SET_ASIDE_BY,
        ]
        .contains(&name)
}

/// The properties other than headers. Left out is what the broker would act on: it refuses
/// another user's id, and drops what has expired.
fn own_properties(original: &BasicProperties) -> BasicProperties {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
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

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
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

    fn text(text: &str) -> AMQPValue {
        AMQPValue::LongString(LongString::from(text))
    }

    fn why(reason: &str) -> SetAside {
        SetAside {
            reason: reason.to_owned(),
            remedy: "mend it".to_owned(),
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let long = format!("x{}", "é".repeat(MAX_TEXT_BYTES));
        let properties = set_aside(&BasicProperties::default(), "queue", &why(&long), "worker");
        let headers = properties.headers().as_ref().unwrap();
        let kept = format!("x{}", "é".repeat(511));
        assert_eq!(headers.inner()[HEADER_REASON], text(&kept));
    }

    /// A message may have been put back by other means than `redriven` before.
    #[test]
    fn a_copy_accounts_for_its_last_death_alone() {
        let mut headers = FieldTable::default();
        for name in ["x-death", "x-first-death-queue", "x-delivery-count", "own"] {
            headers.insert(name.into(), text("before"));
        }
        let original = BasicProperties::default().with_headers(headers);
        let copy = set_aside(&original, "queue", &why("no JSON"), "worker");
        let headers = copy.headers().as_ref().unwrap().inner();
        let names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "own",
                HEADER_REASON,
                HEADER_REMEDY,
                HEADER_SET_ASIDE_AT,
                HEADER_SET_ASIDE_BY,
                HEADER_SOURCE_QUEUE
            ]
        );
    }

    #[test]
    fn what_is_put_back_is_as_it_was_published() {
        let mut headers = FieldTable::default();
        headers.insert("own".into(), text("kept"));
        let published = BasicProperties::default()
            .with_headers(headers)
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_type("step".into())
            .with_message_id("id".into())
            .with_correlation_id("c".into())
            .with_reply_to("answers".into())
            .with_timestamp(7);
        let copy = set_aside(&published, "queue", &why("no JSON"), "worker");
        assert_eq!(redriven(&copy), published);
    }
}
