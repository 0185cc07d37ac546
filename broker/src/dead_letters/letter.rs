//! One dead letter.

use std::fmt;

use bytes::Bytes;
use lapin::BasicProperties;
use schemas::Names;
use serde_json::{Map, Value};

use super::diagnosis::Diagnosis;
use super::value;
use crate::topology::work_queues;

/// A message that was set aside, by a worker or by the broker itself. It may hold anything.
pub struct DeadLetter {
    /// Names it among the dead letters, now and at the next look: 12 hexadecimal digits, with
    /// `-2`, `-3` … behind them for further letters that are alike in everything.
    pub id: String,
    /// The body, of any length.
    pub body: Bytes,
    /// The AMQP `type` property.
    pub message_type: Option<String>,
    /// Why it was set aside, in words, at most 1 KiB.
    pub reason: String,
    /// What to do about it, in words, at most 1 KiB.
    pub remedy: String,
    /// The queue that it came from, if it says so.
    pub source_queue: Option<String>,
    /// When it was set aside, in seconds since 1970, if it says so.
    pub set_aside_at: Option<u64>,
    /// The worker that set it aside, if one did and said so.
    pub set_aside_by: Option<String>,
    /// How often it was set aside: more than once if it was put back by other means than
    /// [`redrive`](super::DeadLetters::redrive).
    pub deaths: u64,
    /// All headers.
    pub headers: Map<String, Value>,
    /// The other properties, under the names of the AMQP specification.
    pub properties: Map<String, Value>,
    way_back: Result<String, NoWayBack>,
    pub(super) tag: u64,
    pub(crate) original: BasicProperties,
}

/// Why a letter can't be put back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWayBack {
    /// It was published straight to the dead letters, or its headers are damaged.
    #[error("it does not say which queue it came from")]
    Unknown,
    /// It came from a queue of somebody else's.
    #[error("it came from {queue:?}, which is no queue of this installation")]
    Foreign {
        /// The queue.
        queue: String,
    },
}

impl DeadLetter {
    pub(super) fn new(id: String, message: lapin::message::Delivery, names: &Names) -> Self {
        let original = message.properties;
        let Diagnosis {
            reason,
            remedy,
            source_queue,
            set_aside_at,
            set_aside_by,
            deaths,
        } = Diagnosis::of(original.headers().as_ref());
        let way_back = match source_queue.clone() {
            None => Err(NoWayBack::Unknown),
            Some(queue) if work_queues(names).iter().any(|(ours, _)| *ours == queue) => Ok(queue),
            Some(queue) => Err(NoWayBack::Foreign { queue }),
        };
        Self {
            id,
            body: Bytes::from(message.data),
            message_type: original.kind().as_ref().map(ToString::to_string),
            reason,
            remedy,
            source_queue,
            set_aside_at,
            set_aside_by,
            deaths,
            headers: value::headers(&original),
            properties: properties(&original),
            way_back,
            tag: message.delivery_tag,
            original,
        }
    }

    /// The queue that it can be put back into.
    ///
    /// # Errors
    /// [`NoWayBack`] unless that is a queue which workers consume.
    pub fn way_back(&self) -> Result<&str, NoWayBack> {
        match &self.way_back {
            Ok(queue) => Ok(queue),
            Err(why) => Err(why.clone()),
        }
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("reason", &self.reason)
            .field("source_queue", &self.source_queue)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The properties other than the headers.
pub(super) fn properties(original: &BasicProperties) -> Map<String, Value> {
    let mut properties = Map::new();
    macro_rules! show {
        ($($name:literal: $get:ident),* $(,)?) => {$(
            if let Some(value) = original.$get() {
                properties.insert($name.to_owned(), Value::from(value.to_string()));
            }
        )*};
    }
    show! {
        "content_type": content_type,
        "content_encoding": content_encoding,
        "correlation_id": correlation_id,
        "reply_to": reply_to,
        "expiration": expiration,
        "message_id": message_id,
        "type": kind,
        "user_id": user_id,
        "app_id": app_id,
        "cluster_id": cluster_id,
    }
    let numbers = [
        ("delivery_mode", original.delivery_mode().map(u64::from)),
        ("priority", original.priority().map(u64::from)),
        ("timestamp", *original.timestamp()),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            properties.insert(name.to_owned(), Value::from(number));
        }
    }
    properties
}
