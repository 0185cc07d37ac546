//! One received message.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::{AMQPValue, ShortString};
use lapin::{BasicProperties, Channel};
use schemas::TraceContext;
use schemas::names::HEADER_TRACEPARENT;
use tokio::time::timeout;

use crate::error::AckError;
use crate::link::Cut;
use crate::outgoing::Outgoing;
use crate::publisher::properties;

/// How long an acknowledgement may take to be written to the socket.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// One received message. It is the queue's until it is acknowledged: dropped without that, it
/// goes back to the queue at once.
pub struct Delivery {
    /// The queue it came from.
    pub queue: String,
    /// The body.
    pub body: Bytes,
    /// The AMQP `type` property.
    pub message_type: Option<String>,
    /// The AMQP `message-id` property.
    pub message_id: Option<String>,
    /// The AMQP `correlation-id` property.
    pub correlation_id: Option<String>,
    /// The AMQP `reply-to` property: the queue that the sender wants an answer in.
    pub reply_to: Option<String>,
    /// The trace context of the header, or a new root if there is none.
    pub trace: TraceContext,
    /// Whether it was delivered before, as far as the broker knows.
    pub redelivered: bool,
    pub(crate) properties: BasicProperties,
    lease: Option<Lease>,
}

impl Delivery {
    /// A message that must be acknowledged on the channel it came by.
    pub(crate) fn leased(
        queue: &str,
        channel: &Arc<Channel>,
        cut: &Cut,
        message: lapin::message::Delivery,
    ) -> Self {
        let lease = Lease {
            channel: Arc::clone(channel),
            cut: cut.clone(),
            tag: message.delivery_tag,
            settled: false,
        };
        Self {
            lease: Some(lease),
            ..Self::settled(queue, message)
        }
    }

    /// A message that needs no acknowledgement any more.
    pub(crate) fn settled(queue: &str, message: lapin::message::Delivery) -> Self {
        let body = Bytes::from(message.data);
        Self::read(queue, message.properties, body, message.redelivered)
    }

    /// What a consumer of `queue` would get of a message, without a broker between: for
    /// simulations. It came by no channel, and needs no acknowledgement.
    pub fn local(queue: &str, message: &Outgoing, redelivered: bool) -> Self {
        let body = Bytes::from(message.body.clone());
        Self::read(queue, properties(message), body, redelivered)
    }

    fn read(queue: &str, properties: BasicProperties, body: Bytes, redelivered: bool) -> Self {
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        Self {
            queue: queue.to_owned(),
            body,
            message_type: text(properties.kind()),
            message_id: text(properties.message_id()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            trace: header(&properties, HEADER_TRACEPARENT)
                .and_then(|value| value.parse().ok())
                .unwrap_or_else(TraceContext::new_root),
            redelivered,
            properties,
            lease: None,
        }
    }

    /// The text of a header, for example [`schemas::names::HEADER_REASON`] of a dead letter.
    /// `None` if there is none, or it is no text.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.properties, name)
    }

    /// Takes the message off the queue.
    ///
    /// # Errors
    /// [`AckError`] if the channel it came by is gone: the broker delivers it again.
    pub async fn ack(self) -> Result<(), AckError> {
        match self.lease {
            Some(lease) => lease.ack(self.queue).await,
            None => Ok(()),
        }
    }

    /// Gives the message back to the queue, to be delivered again at once. The broker sets it
    /// aside as a dead letter when this happens more often than the delivery limit.
    ///
    /// # Errors
    /// [`AckError`] if the channel it came by is gone: the broker delivers it again anyway.
    pub async fn requeue(self) -> Result<(), AckError> {
        match self.lease {
            Some(lease) => lease.requeue(self.queue).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("queue", &self.queue)
            .field("message_type", &self.message_type)
            .field("message_id", &self.message_id)
            .field("bytes", &self.body.len())
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The right to settle one message. Holds its channel, and so the connection, open until then.
struct Lease {
    channel: Arc<Channel>,
    cut: Cut,
    tag: u64,
    settled: bool,
}

impl Lease {
    async fn ack(mut self, queue: String) -> Result<(), AckError> {
        self.settled = true;
        let ack = self.channel.basic_ack(self.tag, BasicAckOptions::default());
        sent(queue, ack, &self.cut).await
    }

    async fn requeue(mut self, queue: String) -> Result<(), AckError> {
        self.settled = true;
        let nack = self.channel.basic_nack(self.tag, back());
        sent(queue, nack, &self.cut).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            // The frame is queued by the first poll; whether it is written is the connection's
            // matter, since a message of a lost connection goes back anyway.
            let _ = self.channel.basic_nack(self.tag, back()).now_or_never();
        }
    }
}

fn back() -> BasicNackOptions {
    BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    }
}

async fn sent(
    queue: String,
    settle: impl Future<Output = lapin::Result<()>>,
    cut: &Cut,
) -> Result<(), AckError> {
    let reason = match timeout(SETTLE_TIMEOUT, settle).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => {
            // What else was received by this connection could not be settled either.
            cut.cut();
            format!("not sent within {SETTLE_TIMEOUT:?}")
        }
    };
    Err(AckError { queue, reason })
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldTable;
    use schemas::{Names, State, Step, V1};
    use uuid::Uuid;

    use super::*;

    /// RabbitMQ 3 counts from the first delivery on, and 4 from the second.
    #[test]
    fn when_a_first_delivery_is_counted_or_not_then_it_is_read_the_same() {
        let mut counted = FieldTable::default();
        counted.insert("x-delivery-count".into(), AMQPValue::LongLongInt(0));
        let [without, with] = [FieldTable::default(), counted].map(|headers| {
            let properties = BasicProperties::default().with_headers(headers);
            Delivery::read("a queue", properties, Bytes::from_static(b"{}"), false)
        });
        assert_eq!(format!("{without:?}"), format!("{with:?}"));
        assert!(!with.redelivered && with.header("x-delivery-count").is_none());
    }

    #[test]
    fn a_local_message_is_what_a_consumer_would_get() {
        let step = Step {
            version: V1,
            execution_id: Uuid::nil(),
            seq: 2,
            state: State::TpvmUpgrade,
        };
        let trace = TraceContext::new_root();
        let message = Outgoing::step(&Names::default(), &step, trace);
        let delivery = Delivery::local("a queue", &message, true);
        assert_eq!(delivery.queue, "a queue");
        assert_eq!(*delivery.body, *message.body);
        assert_eq!(delivery.message_type.as_deref(), Some(message.message_type));
        assert_eq!(delivery.message_id, Some(message.message_id));
        assert_eq!(delivery.trace, trace);
        assert!(delivery.redelivered);
    }
}
