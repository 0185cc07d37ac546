//! A dead letter in brief.

use broker::DeadLetter;
use chrono::{DateTime, Utc};
use schemas::messages::MAX_MESSAGE_BYTES;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::item::shown_time;
use crate::table::Table;

/// A dead letter in brief.
#[derive(Serialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) set_aside_at: Option<DateTime<Utc>>,
    pub(super) set_aside_by: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) message_type: Option<String>,
    pub(super) execution_id: Option<Uuid>,
    pub(super) request_id: Option<Uuid>,
    pub(super) reason: String,
    pub(super) remedy: String,
    /// Why it can't be redriven, if it can't.
    pub(super) not_redrivable: Option<String>,
    pub(super) bytes: usize,
    pub(super) deaths: u64,
}

impl Item {
    pub(super) fn new(letter: &DeadLetter) -> Self {
        let (execution_id, request_id) = subject(letter);
        Self {
            id: letter.id.clone(),
            set_aside_at: letter.set_aside_at.and_then(time),
            set_aside_by: letter.set_aside_by.clone(),
            queue: letter.source_queue.clone(),
            message_type: letter.message_type.clone(),
            execution_id,
            request_id,
            reason: letter.reason.clone(),
            remedy: letter.remedy.clone(),
            not_redrivable: letter.way_back().err().map(|why| why.to_string()),
            bytes: letter.body.len(),
            deaths: letter.deaths,
        }
    }
}

/// Letters in brief, oldest first.
pub(super) fn table<'a>(items: impl IntoIterator<Item = &'a Item>) -> Table {
    let known = |text: &Option<String>| text.clone().unwrap_or_default();
    Table::new(
        "Dead Letters",
        [
            "ID",
            "Set Aside",
            "Queue",
            "Message Type",
            "Execution ID",
            "Request ID",
            "Reason",
            "Bytes",
            "Deaths",
        ],
        items.into_iter().map(|item| {
            [
                item.id.clone(),
                item.set_aside_at.map_or_else(String::new, shown_time),
                known(&item.queue),
                known(&item.message_type),
                known(&item.execution_id.map(|id| id.to_string())),
                known(&item.request_id.map(|id| id.to_string())),
                item.reason.clone(),
                item.bytes.to_string(),
                item.deaths.to_string(),
            ]
        }),
    )
}

fn time(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

/// The execution and the request that a letter is about, as far as its body or, failing that, its
/// message id tells. Both are as trustworthy as whoever wrote the message.
fn subject(letter: &DeadLetter) -> (Option<Uuid>, Option<Uuid>) {
    let body: Value = match letter.body.len() {
        ..=MAX_MESSAGE_BYTES => serde_json::from_slice(&letter.body).unwrap_or_default(),
        _ => Value::Null,
    };
    let named = |key: &str| body.get(key).and_then(Value::as_str)?.parse().ok();
    let found = (named("execution_id"), named("request_id"));
    if found != (None, None) {
        return found;
    }
    let id = letter.properties.get("message_id").and_then(Value::as_str);
    let id = id.unwrap_or_default();
    match id.split_once('/') {
        // A step's, a revert's or an event's.
        Some((execution, _)) => (execution.parse().ok(), None),
        None => (None, id.parse().ok()),
    }
}
