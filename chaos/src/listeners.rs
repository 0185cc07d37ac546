//! Whoever listens on the broker: to events, on a queue of its own that outlives connections, and
//! to the dead letters.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use schemas::names::{HEADER_REASON, HEADER_SOURCE_QUEUE};
use schemas::{Event, decode};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::requests::{FULL_REPLIES, Requester};
use crate::site::{PREFIX, Site};

const PAUSE: Duration = Duration::from_millis(100);
/// How long any answer of the broker may take.
const ANSWER: Duration = Duration::from_secs(10);
const PREFETCH: u16 = 200;
/// For how long the listener with breaks takes messages, and for how long none.
const LISTENING: Duration = Duration::from_secs(40);
const RESTING: Duration = Duration::from_secs(120);
/// How many messages its queue takes.
const FEW: i32 = 10;

/// What was heard.
#[derive(Default)]
pub struct Heard(Mutex<Book>);

#[derive(Default)]
pub struct Book {
    /// The upgrades whose end was told.
    pub ends: HashSet<Uuid>,
    /// Events in all.
    pub events: u64,
    /// Reasons of the dead letters, by message id: several copies of one message have several.
    pub dead: BTreeMap<String, Vec<String>>,
    /// The upgrades whose end was told to a listener whose queue refuses events for minutes.
    pub ends_of_full: HashSet<Uuid>,
    /// Events that it got.
    pub events_of_full: u64,
    /// Upgrades of which an event was heard before the one that precedes it.
    pub out_of_order: BTreeMap<Uuid, i32>,
    /// The last event heard of each upgrade.
    pub last: HashMap<Uuid, i32>,
    /// Since when the queue for events has been there, each time that it was declared.
    pub declared: Vec<DateTime<Utc>>,
}

impl Heard {
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens until `stop`, over every loss of the connection.
    pub async fn listen(&self, site: &Site, requester: &Requester, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            // An error: without the broker for a while. The next attempt tells.
            let _ = self.session(site, requester, stop).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(
        &self,
        site: &Site,
        requester: &Requester,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        broker::declare(&site.broker()).await?;
        let connect = Connection::connect(&site.amqp_url, ConnectionProperties::default());
        let connection = answer(connect).await?;
        let listened = tokio::select! {
            listened = self.consume(&connection, site, requester) => listened,
            () = stop.cancelled() => Ok(()),
        };
        let _ = answer(connection.close(200, "".into())).await;
        listened
    }

    async fn consume(
        &self,
        connection: &Connection,
        site: &Site,
        requester: &Requester,
    ) -> anyhow::Result<()> {
        let channel = answer(connection.create_channel()).await?;
        let queue = format!("{PREFIX}.listener");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let mut quorum = FieldTable::default();
        quorum.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        // By default RabbitMQ 4 drops what was delivered 20 times, and chaos counts what is told.
        quorum.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(1_000_000));
        answer(channel.queue_declare(queue.as_str().into(), durable, quorum)).await?;
        answer(channel.queue_bind(
            queue.as_str().into(),
            site.names.events_exchange().into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        self.book().declared.push(Utc::now());
        answer(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let consume = |queue: String| {
            let options = BasicConsumeOptions::default();
            let tag = queue.clone();
            channel.basic_consume(queue.into(), tag.into(), options, FieldTable::default())
        };
        let mut events = answer(consume(queue)).await?;
        let mut dead = answer(consume(site.names.dead_letter_queue())).await?;
        loop {
            let message = tokio::select! {
                message = events.next() => {
                    let message = message.context("the queue of events is gone")??;
                    self.hear_event(&message, requester);
                    message
                }
                message = dead.next() => {
                    let message = message.context("the queue of dead letters is gone")??;
                    self.hear_dead(&message);
                    message
                }
            };
            answer(channel.basic_ack(message.delivery_tag, BasicAckOptions::default())).await?;
        }
    }

    fn hear_event(&self, message: &Delivery, requester: &Requester) {
        match decode::<Event>(&message.data) {
            Ok(event) => {
                let mut book = self.book();
                book.events += 1;
                let last = book.last.entry(event.execution_id).or_default();
                let skipped = event.seq > *last + 1;
                *last = event.seq.max(*last);
                if skipped {
                    book.out_of_order.insert(event.execution_id, event.seq);
                }
                if event.verdict.is_some() {
                    book.ends.insert(event.execution_id);
                }
            }
            // A reply whose queue is gone.
            Err(_) => requester.hear(&message.data),
        }
    }

    /// Listens on a queue of few messages that refuses what is too much: for some time, then not at
    /// all for minutes, and again; from `calm` on without a break.
    pub async fn listen_with_breaks(
        &self,
        site: &Site,
        calm: &CancellationToken,
        stop: &CancellationToken,
    ) {
        while !stop.is_cancelled() {
            tokio::select! {
                // An error: without the broker for a while.
                _ = self.with_breaks(site, calm) => {}
                () = stop.cancelled() => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn with_breaks(&self, site: &Site, calm: &CancellationToken) -> anyhow::Result<()> {
        broker::declare(&site.broker()).await?;
        let connect = Connection::connect(&site.amqp_url, ConnectionProperties::default());
        let connection = answer(connect).await?;
        let channel = answer(connection.create_channel()).await?;
        let queue = format!("{PREFIX}.listener-with-breaks");
        declare_full(&channel, &queue, FEW).await?;
        declare_full(&channel, FULL_REPLIES, 1).await?;
        // In the way of every reply.
        let in_the_way = channel.basic_publish(
            "".into(),
            FULL_REPLIES.into(),
            BasicPublishOptions::default(),
            b"in the way",
            BasicProperties::default(),
        );
        // From the second time on the queue refuses it.
        answer(async { in_the_way.await?.await }).await?;
        answer(channel.queue_bind(
            queue.as_str().into(),
            site.names.events_exchange().into(),
            "event.#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        loop {
            let rested = tokio::time::Instant::now() + RESTING;
            while !calm.is_cancelled() && tokio::time::Instant::now() < rested {
                // Whether the connection, and so the queue, still stands shows when something is
                // asked for.
                answer(channel.basic_qos(1, BasicQosOptions::default())).await?;
                tokio::time::sleep(10 * PAUSE).await;
            }
            let awake = tokio::time::Instant::now() + LISTENING;
            while calm.is_cancelled() || tokio::time::Instant::now() < awake {
                let get = channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
                let Some(message) = answer(get).await? else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                if let Ok(event) = decode::<Event>(&message.data) {
                    let mut book = self.book();
                    book.events_of_full += 1;
                    if event.verdict.is_some() {
                        book.ends_of_full.insert(event.execution_id);
                    }
                }
                answer(channel.basic_ack(message.delivery_tag, BasicAckOptions::default())).await?;
            }
        }
    }

    fn hear_dead(&self, message: &Delivery) {
        let id = message.properties.message_id().as_ref();
        let id = id.map_or_else(String::new, ToString::to_string);
        let headers = message.properties.headers().as_ref();
        let headers = headers.map(FieldTable::inner);
        let reason = headers.and_then(|headers| {
            match (headers.get(HEADER_SOURCE_QUEUE), headers.get(HEADER_REASON)) {
                (Some(_), Some(AMQPValue::LongString(reason))) => Some(reason.to_string()),
                _ => headers.get("x-death").map(|_| BY_BROKER.to_owned()),
            }
        });
        let mut book = self.book();
        let reasons = book.dead.entry(id).or_default();
        reasons.push(reason.unwrap_or_default());
    }
}

/// A queue that refuses what is more than `most` messages.
async fn declare_full(channel: &Channel, queue: &str, most: i32) -> anyhow::Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(most));
    let overflow = AMQPValue::LongString("reject-publish".into());
    arguments.insert("x-overflow".into(), overflow);
    answer(channel.queue_declare(queue.into(), durable, arguments)).await?;
    Ok(())
}

/// The reason of a dead letter that no worker set aside.
pub const BY_BROKER: &str = "delivered too often";

async fn answer<T>(call: impl Future<Output = Result<T, lapin::Error>>) -> anyhow::Result<T> {
    let answered = tokio::time::timeout(ANSWER, call).await;
    Ok(answered.context("the broker does not answer")??)
}
