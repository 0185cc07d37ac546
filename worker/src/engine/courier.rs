//! What the engine asks of the courier.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{BrokerError, BrokerOptions, Delivery, Outgoing, PublishError, Publisher, SetAside};

/// The way out for messages. Each call returns once a queue has taken the message over.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Publishes.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError>;

    /// Sets a message aside, and says why. The caller acknowledges the original after that.
    ///
    /// # Errors
    /// As [`Publisher::dead_letter`].
    async fn dead_letter(&self, delivery: &Delivery, why: &SetAside) -> Result<(), PublishError>;
}

/// The connections of a worker that publish. Events and replies go to queues of others: one that
/// does not confirm makes the broker read no more from the connection that publishes to it, and
/// that must be the connection of no step.
pub struct Couriers {
    steps: Publisher,
    events: Publisher,
    replies: Publisher,
    events_exchange: String,
}

impl Couriers {
    /// Starts them; they connect in the background, and declare what is missing.
    pub fn start(options: &BrokerOptions) -> Self {
        Self {
            steps: Publisher::start_mending(options.clone()),
            events: Publisher::start_mending(options.clone()),
            replies: Publisher::start(options.clone()),
            events_exchange: options.names.events_exchange(),
        }
    }

    /// Returns when one of them has ended that was not closed.
    pub async fn failed(&self) -> Arc<BrokerError> {
        tokio::select! {
            why = self.steps.failed() => why,
            why = self.events.failed() => why,
            why = self.replies.failed() => why,
        }
    }

    /// See [`Publisher::close`].
    pub async fn close(&self) {
        let close = |publisher: &Publisher| publisher.clone().close();
        tokio::join!(
            close(&self.steps),
            close(&self.events),
            close(&self.replies)
        );
    }
}

#[async_trait]
impl Courier for Couriers {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let way = if message.exchange.is_empty() {
            &self.replies
        } else if message.exchange == self.events_exchange {
            &self.events
        } else {
            &self.steps
        };
        way.publish(message).await
    }

    async fn dead_letter(&self, delivery: &Delivery, why: &SetAside) -> Result<(), PublishError> {
        self.steps.dead_letter(delivery, why).await
    }
}
