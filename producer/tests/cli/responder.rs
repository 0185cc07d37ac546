//! Something that takes upgrade requests and answers them, as a worker does.

use std::time::Duration;

use broker::{BrokerOptions, Consumer, Delivery, Outgoing, Publisher};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use schemas::{Answer, Names, Reply, State, TraceContext, UpgradeRequest, V1, decode};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Ran, finish, program};

/// A request as the command line takes it.
pub const ARGS: [&str; 7] = [
    "execute",
    "--ip",
    "10.20.1.28",
    "--firmware-host",
    "10.20.1.5",
    "--tpvm-image",
    "/images/tpvm-4.6.0.deb",
];

/// Takes requests, as a worker does, on queues of its own.
pub struct Responder {
    options: BrokerOptions,
    prefix: String,
    publisher: Publisher,
    pub requests: mpsc::Receiver<Delivery>,
    consumer: Consumer,
    stop: CancellationToken,
}

impl Responder {
    pub async fn start() -> Self {
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let mut options = BrokerOptions::new(services::amqp_url().unwrap(), "responder");
        options.names = Names::new(&prefix);
        broker::declare(&options).await.unwrap();
        let stop = CancellationToken::new();
        let queue = (options.names.request_queue(), 1);
        let (consumer, requests) = Consumer::start(options.clone(), vec![queue], stop.clone());
        Self {
            publisher: Publisher::start(options.clone()),
            options,
            prefix,
            requests,
            consumer,
            stop,
        }
    }

    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = program(&ARGS);
        command
            .args(args)
            .args(["--broker-prefix", &self.prefix])
            .env("AMQP_URL", &self.options.url);
        command
    }

    pub async fn request(&mut self) -> (UpgradeRequest, Delivery) {
        let delivery = timeout(Duration::from_secs(30), self.requests.recv()).await;
        let delivery = delivery.expect("a request in time").unwrap();
        (decode(&delivery.body).unwrap(), delivery)
    }

    pub async fn reply(&self, delivery: &Delivery, correlation_id: Option<String>, answer: Answer) {
        let reply = Reply {
            version: V1,
            request_id: correlation_id.as_ref().map(|id| id.parse().unwrap()),
            answer,
        };
        let queue = delivery.reply_to.as_deref().unwrap();
        let reply = Outgoing::reply(queue, &reply, correlation_id, TraceContext::new_root());
        self.publisher.publish(reply).await.unwrap();
    }

    /// Runs the program, answers its request, and gives back what it did.
    pub async fn answered(&mut self, args: &[&str], answer: Answer) -> (Ran, UpgradeRequest) {
        let running = tokio::spawn(finish(self.program(args)));
        let (request, delivery) = self.request().await;
        self.reply(&delivery, delivery.correlation_id.clone(), answer)
            .await;
        delivery.ack().await.unwrap();
        (running.await.unwrap(), request)
    }

    pub async fn stop(self) {
        self.stop.cancel();
        drop(self.requests);
        self.consumer.finished().await;
        self.publisher.close().await;
        delete(&self.options).await;
    }
}

/// Leaves the broker as it was.
pub async fn delete(options: &BrokerOptions) {
    let connection = Connection::connect(&options.url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let names = &options.names;
    let states = State::ALL
        .into_iter()
        .filter_map(|state| names.state_queue(state));
    let others = [
        names.request_queue(),
        names.dead_letter_queue(),
        names.dead_letter_lock(),
    ];
    for queue in states.chain(others) {
        let delete = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        delete.await.unwrap();
    }
    for exchange in [
        names.commands_exchange(),
        names.events_exchange(),
        names.dead_letter_exchange(),
    ] {
        let delete = channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default());
        delete.await.unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
}
