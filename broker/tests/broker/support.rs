//! A prefix of its own for each test, and direct access to the broker.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use broker::{Backoff, BrokerOptions, Consumer, Delivery, Outgoing};
use futures_util::FutureExt;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use schemas::{Names, State, Step, TraceContext, V1};
use services::Proxy;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The longest that anything may take that should happen.
pub const SOON: Duration = Duration::from_secs(30);

pub fn amqp_url() -> String {
    services::amqp_url().unwrap()
}

/// A proxy before the broker.
pub fn proxy() -> Proxy {
    Proxy::before(&amqp_url()).expect("AMQP_URL must name a port")
}

/// A proxy before the broker that can speak in its name, which TLS would prevent; and the way
/// through it.
pub fn forging_proxy() -> (Proxy, String) {
    let url = services::plain_amqp_url().unwrap();
    let proxy = Proxy::before(&url).expect("the broker's URL must name a port");
    let via = proxy.through(&url);
    (proxy, via)
}

/// The broker's URL, led through a proxy.
pub fn via(proxy: &Proxy) -> String {
    proxy.through(&amqp_url())
}

/// What one test has on the broker.
pub struct Bed {
    pub options: BrokerOptions,
    raw: Connection,
}

impl Bed {
    pub fn names(&self) -> &Names {
        &self.options.names
    }

    /// The same, reached by another URL.
    pub fn options_via(&self, url: String) -> BrokerOptions {
        BrokerOptions {
            url,
            ..self.options.clone()
        }
    }

    pub async fn channel(&self) -> lapin::Channel {
        self.raw.create_channel().await.unwrap()
    }

    /// Waits for a message of this queue and takes it.
    pub async fn take(&self, queue: &str) -> BasicGetMessage {
        let channel = self.channel().await;
        eventually("a message", async || {
            let get = BasicGetOptions { no_ack: true };
            channel.basic_get(queue.into(), get).await.unwrap()
        })
        .await
    }

    /// How many messages are in the queue, and not with a consumer.
    pub async fn ready(&self, queue: &str) -> u32 {
        let passive = lapin::options::QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let channel = self.channel().await;
        let declared = channel.queue_declare(queue.into(), passive, Default::default());
        declared.await.unwrap().message_count()
    }

    pub async fn delete_queue(&self, queue: &str) {
        let channel = self.channel().await;
        let delete = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        delete.await.unwrap();
    }

    async fn clean(&self) {
        let names = self.names();
        let channel = self.channel().await;
        let states = State::ALL.into_iter().filter_map(|s| names.state_queue(s));
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
    }
}

/// Runs a test with a prefix of its own, nothing declared yet, and deletes what it leaves.
pub async fn on_bare_bed(test: impl AsyncFnOnce(&Bed)) {
    let url = amqp_url();
    let mut options = BrokerOptions::new(url.clone(), "courier test");
    options.names = Names::new(format!("test-{}", Uuid::new_v4()));
    options.reconnect = Backoff {
        first: Duration::from_millis(20),
        max: Duration::from_millis(200),
    };
    let raw = Connection::connect(&url, ConnectionProperties::default());
    let bed = Bed {
        options,
        raw: raw.await.expect("AMQP_URL must lead to a RabbitMQ"),
    };
    let result = AssertUnwindSafe(test(&bed)).catch_unwind().await;
    bed.clean().await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a test with everything declared.
pub async fn on_bed(test: impl AsyncFnOnce(&Bed)) {
    on_bare_bed(async |bed| {
        broker::declare(&bed.options).await.unwrap();
        test(bed).await;
    })
    .await;
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, asking)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {SOON:?}"))
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(SOON, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {SOON:?}"))
}

pub const STATE: State = State::DeviceValidation;

/// The queue of [`STATE`].
pub fn queue(bed: &Bed) -> String {
    bed.names().state_queue(STATE).unwrap()
}

/// A step number `seq` of a new execution, in [`STATE`].
pub fn step(seq: i32) -> Step {
    Step {
        version: V1,
        execution_id: Uuid::new_v4(),
        seq,
        state: STATE,
    }
}

pub fn outgoing(bed: &Bed, seq: i32) -> Outgoing {
    Outgoing::step(bed.names(), &step(seq), TraceContext::new_root())
}

/// The number of the step in a delivery.
pub fn seq(delivery: &Delivery) -> i32 {
    schemas::decode::<Step>(&delivery.body).unwrap().seq
}

/// A consumer of [`queue`].
pub struct Consuming {
    pub consumer: Consumer,
    pub deliveries: Receiver<Delivery>,
    pub stop: CancellationToken,
}

impl Consuming {
    pub fn start(bed: &Bed, options: BrokerOptions, prefetch: u16) -> Self {
        let stop = CancellationToken::new();
        let queues = vec![(queue(bed), prefetch)];
        let (consumer, deliveries) = Consumer::start(options, queues, stop.clone());
        Self {
            consumer,
            deliveries,
            stop,
        }
    }

    pub async fn next(&mut self) -> Delivery {
        let next = soon("a delivery", self.deliveries.recv()).await;
        next.expect("the deliveries ended unasked")
    }

    pub async fn stop(self) {
        self.stop.cancel();
        drop(self.deliveries);
        soon("the consumer's end", self.consumer.finished()).await;
    }
}
