//! Receiving, for the command line.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use tokio::time::timeout;

use crate::delivery::Delivery;
use crate::error::BrokerError;
use crate::link::{BINDING, CONSUMING, Link, short};
use crate::options::BrokerOptions;

/// How many messages the broker sends ahead.
const PREFETCH: u16 = 100;

/// An exclusive queue that lives as long as its connection: for answers and events that nobody
/// else waits for. Does not reconnect, since the queue and what lay in it are lost with the
/// connection.
pub struct Inbox {
    link: Link,
    channel: Channel,
    messages: lapin::Consumer,
    queue: String,
    events_exchange: String,
}

impl Inbox {
    /// Connects, and declares a queue under a name that the broker chooses.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub async fn open(options: &BrokerOptions) -> Result<Self, BrokerError> {
        let link = Link::open(options, "inbox").await?;
        let channel = link.channel().await?;
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let declare =
            channel.queue_declare(ShortString::default(), exclusive, FieldTable::default());
        let queue = link.answer("declaring a queue", declare).await?;
        let qos = channel.basic_qos(PREFETCH, BasicQosOptions::default());
        link.answer("setting the prefetch", qos).await?;
        let queue = queue.name().to_string();
        let consume = channel.basic_consume(
            short(&queue)?,
            ShortString::default(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let messages = link.answer_for(CONSUMING, &queue, consume).await?;
        Ok(Self {
            link,
            channel,
            messages,
            queue,
            events_exchange: options.names.events_exchange(),
        })
    }

    /// Has events with this routing key delivered here from now on; `*` stands for one word of
    /// it, `#` for any number. The events exchange must exist: see [`crate::declare`].
    ///
    /// # Errors
    /// [`BrokerError`]; the inbox is of no use after one.
    pub async fn subscribe(&self, routing_key: &str) -> Result<(), BrokerError> {
        let bind = self.channel.queue_bind(
            short(&self.queue)?,
            short(&self.events_exchange)?,
            short(routing_key)?,
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.link
            .answer_for(BINDING, &self.events_exchange, bind)
            .await
    }

    /// The queue's name: the `reply_to` of a request.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The next message, or `None` if none comes in time. It is acknowledged already.
    ///
    /// # Errors
    /// [`BrokerError`] if the connection is lost; the inbox is of no use after that.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Delivery>, BrokerError> {
        let Ok(next) = timeout(within, self.messages.next()).await else {
            return Ok(None);
        };
        let message = next
            .ok_or_else(|| BrokerError::Cancelled {
                queue: self.queue.clone(),
            })?
            .map_err(|source| BrokerError::Failed {
                doing: "receiving",
                source,
            })?;
        let ack = self
            .channel
            .basic_ack(message.delivery_tag, BasicAckOptions::default());
        self.link.answer("acknowledging", ack).await?;
        Ok(Some(Delivery::settled(&self.queue, message)))
    }

    /// Takes leave of the broker, so that nothing of the connection is left when it returns.
    pub async fn close(self) {
        self.link.close().await;
    }
}
