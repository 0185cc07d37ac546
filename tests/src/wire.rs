//! AMQP as it is, for what no program of ours does.

use lapin::message::Delivery;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Queue};
use schemas::names::HEADER_REASON;

use crate::{World, until};

/// A channel of the test's own.
pub struct Wire {
    _connection: Connection,
    /// For everything that needs no name of its own.
    pub channel: Channel,
}

impl Wire {
    /// Connects to the world's broker.
    ///
    /// # Panics
    /// If that can't be done.
    pub async fn open(world: &World) -> Self {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&world.broker.url, properties)
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self {
            _connection: connection,
            channel,
        }
    }

    /// How many messages lie in a queue, ready to be delivered.
    ///
    /// # Panics
    /// If there is no such queue.
    pub async fn ready(&self, queue: &str) -> u32 {
        self.declared(queue).await.message_count()
    }

    /// Waits until somebody consumes from a queue. A worker that is connected may not yet.
    ///
    /// # Panics
    /// If there is no such queue, or nobody does within a minute.
    pub async fn consumed(&self, queue: &str) {
        until(&format!("a consumer of {queue}"), || async {
            (self.declared(queue).await.consumer_count() > 0).then_some(())
        })
        .await;
    }

    async fn declared(&self, queue: &str) -> Queue {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declare = self
            .channel
            .queue_declare(queue.into(), passive, FieldTable::default());
        declare.await.unwrap()
    }

    /// Publishes a message. Through the exchange without a name it goes straight into the queue
    /// that its key names.
    ///
    /// # Panics
    /// If the broker is gone.
    pub async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) {
        let options = BasicPublishOptions::default();
        let publish =
            self.channel
                .basic_publish(exchange.into(), key.into(), options, body, properties);
        publish.await.unwrap();
    }

    /// Takes everything out of a queue.
    ///
    /// # Panics
    /// If there is no such queue.
    pub async fn drain(&self, queue: &str) -> Vec<Delivery> {
        let mut all = Vec::new();
        while let Some(message) = self
            .channel
            .basic_get(queue.into(), BasicGetOptions { no_ack: true })
            .await
            .unwrap()
        {
            all.push(message.delivery);
        }
        all
    }

    /// The reasons of the dead letters, which it takes out.
    ///
    /// # Panics
    /// If their queue is gone.
    pub async fn dead_letters(&self, world: &World) -> Vec<String> {
        let letters = self.drain(&world.names.dead_letter_queue()).await;
        letters.iter().map(reason).collect()
    }

    /// Keeps what is published with a key away from a queue.
    ///
    /// # Panics
    /// If the broker is gone.
    pub async fn unbind(&self, queue: &str, exchange: &str, key: &str) {
        let arguments = FieldTable::default();
        let unbind =
            self.channel
                .queue_unbind(queue.into(), exchange.into(), key.into(), arguments);
        unbind.await.unwrap();
    }

    /// Deletes a queue with all that is in it.
    ///
    /// # Panics
    /// If the broker is gone.
    pub async fn delete_queue(&self, queue: &str) {
        let options = QueueDeleteOptions::default();
        let delete = self.channel.queue_delete(queue.into(), options);
        delete.await.unwrap();
    }

    /// Deletes an exchange.
    ///
    /// # Panics
    /// If the broker is gone.
    pub async fn delete_exchange(&self, exchange: &str) {
        let options = ExchangeDeleteOptions::default();
        let delete = self.channel.exchange_delete(exchange.into(), options);
        delete.await.unwrap();
    }
}

/// Why a message is a dead letter.
pub fn reason(letter: &Delivery) -> String {
    let headers = letter.properties.headers().clone().unwrap_or_default();
    match headers.inner().get(HEADER_REASON) {
        Some(AMQPValue::LongString(reason)) => reason.to_string(),
        _ => "set aside by the broker".to_owned(),
    }
}
