//! Whoever listens on the broker: to events, on a queue of its own that outlives connections, and
//! to the dead letters.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use schemas::names::{HEADER_REASON, HEADER_SOURCE_QUEUE};
use schemas::{Event, decode};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::requests::Requester;
use crate::site::{PREFIX, Site};

const PAUSE: Duration = Duration::from_millis(100);
/// How long any answer of the broker may take.
const ANSWER: Duration = Duration::from_secs(10);
const PREFETCH: u16 = 200;

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
                if event.verdict.is_some() {
                    book.ends.insert(event.execution_id);
                }
            }
            // A reply whose queue is gone.
            Err(_) => requester.hear(&message.data),
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

/// The reason of a dead letter that no worker set aside.
pub const BY_BROKER: &str = "delivered too often";

async fn answer<T>(call: impl Future<Output = Result<T, lapin::Error>>) -> anyhow::Result<T> {
    let answered = tokio::time::timeout(ANSWER, call).await;
    Ok(answered.context("the broker does not answer")??)
}
