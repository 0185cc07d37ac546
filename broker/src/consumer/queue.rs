//! Consuming from one queue, as long as the connection lives.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Shared;
use crate::delay::Delays;
use crate::delivery::Delivery;
use crate::error::BrokerError;
use crate::link::{CONSUMING, Link, short};
use crate::options::Backoff;
use crate::topology::declare_on;

/// One queue of a consumer, over one connection.
pub(super) struct Queue<'a> {
    pub(super) shared: &'a Shared,
    pub(super) link: &'a Link,
    pub(super) name: &'a str,
    pub(super) prefetch: u16,
}

impl Queue<'_> {
    /// Consumes until told to stop, or until the connection is lost.
    ///
    /// # Errors
    /// What the broker refuses, as long as nobody gives the user a permission.
    pub(super) async fn attend(self) -> Result<(), BrokerError> {
        let Backoff { first, max } = self.shared.options.reconnect;
        let mut delays = Delays::new(first, max);
        while let Err(error) = self.consume(&mut delays).await {
            warn!(
                queue = self.name,
                error = &error as &dyn std::error::Error,
                "consuming was interrupted"
            );
            if error.is_refusal() {
                return Err(error);
            }
            self.shared.pause(delays.next()).await;
            if self.shared.is_stopped() || !self.link.is_alive() {
                return Ok(());
            }
            // It may have been deleted.
            if let Err(error) = declare_on(self.link, &self.shared.options).await {
                if error.is_refusal() {
                    return Err(error);
                }
                warn!(
                    queue = self.name,
                    error = &error as &dyn std::error::Error,
                    "the queue can't be declared"
                );
            }
        }
        Ok(())
    }

    /// Consumes until told to stop. Every other end is an error.
    async fn consume(&self, delays: &mut Delays) -> Result<(), BrokerError> {
        let Self { shared, link, .. } = self;
        let channel = Arc::new(link.channel().await?);
        let qos = channel.basic_qos(self.prefetch.max(1), BasicQosOptions::default());
        link.answer("setting the prefetch", qos).await?;
        let consume = channel.basic_consume(
            short(self.name)?,
            ShortString::default(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut messages = link.answer_for(CONSUMING, self.name, consume).await?;
        delays.reset();
        loop {
            let next = async { (shared.out.reserve().await, messages.next().await) };
            let (room, message) = tokio::select! {
                biased;
                () = shared.stopped() => break,
                next = next => next,
            };
            let message = message
                .ok_or_else(|| BrokerError::Cancelled {
                    queue: self.name.to_owned(),
                })?
                .map_err(|source| BrokerError::Failed {
                    doing: "consuming",
                    source,
                })?;
            let delivery = Delivery::leased(self.name, &channel, &link.cut(), message);
            // Without room the receiver is gone; the delivery goes back by being dropped.
            if let Ok(room) = room {
                room.send(delivery);
            }
        }
        self.stop(&channel, messages).await;
        Ok(())
    }

    /// Has the broker send no more, and gives back what it sent already.
    async fn stop(&self, channel: &Arc<Channel>, mut messages: lapin::Consumer) {
        let cancel = channel.basic_cancel(messages.tag(), BasicCancelOptions::default());
        if let Err(error) = self.link.answer("ending the consumer", cancel).await {
            // Then the broker takes everything back when the connection closes.
            debug!(
                queue = self.name,
                error = &error as &dyn std::error::Error,
                "the consumer could not be ended in good order"
            );
            return;
        }
        let give_back = async {
            while let Some(Ok(message)) = messages.next().await {
                drop(Delivery::leased(
                    self.name,
                    channel,
                    &self.link.cut(),
                    message,
                ));
            }
        };
        // The stream ends with the broker's answer; the bound is for the unforeseen.
        let _ = timeout(self.shared.options.connect_timeout, give_back).await;
    }
}
