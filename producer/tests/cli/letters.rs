//! Dead letters of every kind, on queues of their own.

use std::time::Duration;

use broker::{BrokerOptions, Consumer, Outgoing, Publisher};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use schemas::names::{
    HEADER_REASON, HEADER_REMEDY, HEADER_SET_ASIDE_AT, HEADER_SET_ASIDE_BY, HEADER_SOURCE_QUEUE,
};
use schemas::{Names, State, Step, TraceContext, V1};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::responder::delete;
use crate::support::{Ran, finish, program};

pub const STATE: State = State::DeviceValidation;

/// A broker prefix with everything declared, and nobody at work.
pub struct Letters {
    pub options: BrokerOptions,
    pub prefix: String,
    pub channel: Channel,
    connection: Connection,
}

impl Letters {
    pub async fn new() -> Self {
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let mut options = BrokerOptions::new(services::amqp_url().unwrap(), "letters");
        options.names = Names::new(&prefix);
        options.delivery_limit = 2;
        broker::declare(&options).await.unwrap();
        let connection = Connection::connect(&options.url, ConnectionProperties::default());
        let connection = connection.await.unwrap();
        Self {
            channel: connection.create_channel().await.unwrap(),
            connection,
            options,
            prefix,
        }
    }

    /// The queue of [`STATE`].
    pub fn queue(&self) -> String {
        self.options.names.state_queue(STATE).unwrap()
    }

    /// A letter as a worker leaves it.
    pub async fn set_aside(&self, body: &[u8], reason: &str, queue: &str) {
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        let mut headers = FieldTable::default();
        headers.insert("own".into(), text("kept"));
        headers.insert(HEADER_REASON.into(), text(reason));
        headers.insert(HEADER_REMEDY.into(), text("mend it"));
        headers.insert(HEADER_SOURCE_QUEUE.into(), text(queue));
        headers.insert(HEADER_SET_ASIDE_BY.into(), text("worker-7"));
        let at = AMQPValue::Timestamp(1_700_000_000);
        headers.insert(HEADER_SET_ASIDE_AT.into(), at);
        self.put(body, BasicProperties::default().with_headers(headers))
            .await;
    }

    /// Anything, straight to the dead letters.
    pub async fn put(&self, body: &[u8], properties: BasicProperties) {
        let exchange = self.options.names.dead_letter_exchange();
        let publish = self.channel.basic_publish(
            exchange.into(),
            "".into(),
            BasicPublishOptions::default(),
            body,
            properties.with_delivery_mode(2),
        );
        publish.await.unwrap();
    }

    /// A step that RabbitMQ itself sets aside, since it keeps coming back.
    pub async fn die_at_the_limit(&self, step: &Step) {
        let publisher = Publisher::start(self.options.clone());
        let message = Outgoing::step(&self.options.names, step, TraceContext::new_root());
        publisher.publish(message).await.unwrap();
        publisher.close().await;
        let stop = CancellationToken::new();
        let queues = vec![(self.queue(), 1)];
        let (consumer, mut messages) = Consumer::start(self.options.clone(), queues, stop.clone());
        for _ in 0..=self.options.delivery_limit {
            let message = timeout(Duration::from_secs(30), messages.recv()).await;
            message.unwrap().unwrap().requeue().await.unwrap();
        }
        stop.cancel();
        drop(messages);
        consumer.finished().await;
    }

    /// Waits until so many letters are there, and nobody holds any.
    pub async fn settled(&self, count: u32) {
        self.wait_for(&self.options.names.dead_letter_queue(), count)
            .await;
    }

    pub async fn wait_for(&self, queue: &str, count: u32) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let ready = self.ready(queue).await;
            if ready == count {
                return;
            }
            let late = tokio::time::Instant::now() > deadline;
            assert!(!late, "{ready} messages in {queue}, not {count}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn ready(&self, queue: &str) -> u32 {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declare = self
            .channel
            .queue_declare(queue.into(), passive, FieldTable::default());
        declare.await.unwrap().message_count()
    }

    /// Takes the first message of a queue.
    pub async fn take(&self, queue: &str) -> Option<BasicGetMessage> {
        let get = BasicGetOptions { no_ack: true };
        self.channel.basic_get(queue.into(), get).await.unwrap()
    }

    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = program(&["dead-letters"]);
        command
            .args(args)
            .args(["--broker-prefix", &self.prefix])
            .env("AMQP_URL", &self.options.url);
        command
    }

    pub async fn run(&self, args: &[&str]) -> Ran {
        finish(self.program(args)).await
    }

    /// The letters, as programs see them.
    pub async fn list(&self, args: &[&str]) -> Vec<Value> {
        let args = [&["list", "--format", "json"], args].concat();
        let list = self.run(&args).await.ended(0).json();
        list["items"].as_array().unwrap().clone()
    }

    pub async fn ids(&self) -> Vec<String> {
        let letters = self.list(&[]).await;
        let ids = letters.iter().map(|letter| letter["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }

    pub async fn close(self) {
        self.connection.close(200, "done".into()).await.unwrap();
        delete(&self.options).await;
    }
}

pub fn step(seq: i32) -> Step {
    Step {
        version: V1,
        execution_id: Uuid::new_v4(),
        seq,
        state: STATE,
    }
}
