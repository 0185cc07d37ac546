//! What the engine asks of the courier.

use async_trait::async_trait;
use broker::{Delivery, Outgoing, PublishError, Publisher, SetAside};

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

#[async_trait]
impl Courier for Publisher {
    async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        Publisher::publish(self, message).await
    }

    async fn dead_letter(&self, delivery: &Delivery, why: &SetAside) -> Result<(), PublishError> {
        Publisher::dead_letter(self, delivery, why).await
    }
}
