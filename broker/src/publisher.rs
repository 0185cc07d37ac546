//! Publishing: asked for one by one, carried out together.

mod session;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use schemas::names::HEADER_TRACEPARENT;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::dead_letters::DeadLetter;
use crate::dead_letters::copy::{self, SetAside};
use crate::delay::Delays;
use crate::delivery::Delivery;
use crate::error::{BrokerError, PublishError};
use crate::options::BrokerOptions;
use crate::outgoing::Outgoing;
use crate::refusals::Refusals;
use session::{End, Session};

/// The AMQP delivery mode of messages that survive a restart of the broker.
pub(crate) const PERSISTENT: u8 = 2;

/// How many messages wait for the publisher's task before those who publish wait themselves.
const QUEUE: usize = 1024;

/// A handle to one task that owns a connection and a channel with confirms. Everything is
/// persistent. The task ends when the publisher is closed or every handle is dropped.
#[derive(Clone)]
pub struct Publisher {
    jobs: mpsc::Sender<Job>,
    dead_letter_exchange: String,
    name: String,
    publish_timeout: Duration,
    closing: CancellationToken,
    tasks: TaskTracker,
    over: Arc<Over>,
}

/// That the task has ended, and why if it was not closed.
#[derive(Default)]
struct Over {
    ended: CancellationToken,
    why: OnceLock<Arc<BrokerError>>,
}

/// One message, and who waits for what becomes of it.
struct Job {
    message: Message,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<(), PublishError>>;

/// What goes on the wire.
struct Message {
    exchange: ShortString,
    routing_key: ShortString,
    mandatory: bool,
    properties: BasicProperties,
    body: Bytes,
}

impl Publisher {
    /// Starts the task, which connects in the background, and again for ever after each loss.
    pub fn start(options: BrokerOptions) -> Self {
        Self::begin(options, false)
    }

    /// As [`Publisher::start`], for workers: it declares the exchanges and queues after each loss
    /// of the connection, and when no queue took a message. Publishing to an exchange that was
    /// deleted costs the connection, and nobody else would notice.
    pub fn start_mending(options: BrokerOptions) -> Self {
        Self::begin(options, true)
    }

    fn begin(options: BrokerOptions, mends: bool) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let publisher = Self {
            jobs,
            dead_letter_exchange: options.names.dead_letter_exchange(),
            name: options.connection_name.clone(),
            publish_timeout: options.publish_timeout,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            over: Arc::default(),
        };
        let (closing, over) = (publisher.closing.clone(), Arc::clone(&publisher.over));
        publisher.tasks.spawn(async move {
            // Dropped by a panic, too.
            let _ended = over.ended.clone().drop_guard();
            if let Err(error) = run(options, mends, waiting, closing).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the publisher ended"
                );
                // Set only here.
                let _ = over.why.set(Arc::new(error));
            }
        });
        publisher
    }

    /// Publishes, and returns when a queue has taken the message over.
    ///
    /// # Errors
    /// [`PublishError`], each message its own. After `TimedOut` and `Disconnected` the message may
    /// have been taken over nevertheless.
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.send(Message {
            exchange: name(&message.exchange)?,
            routing_key: name(&message.routing_key)?,
            mandatory: message.mandatory,
            properties: properties(&message),
            body: Bytes::from(message.body),
        })
        .await
    }

    /// Sets a message aside: publishes a copy to the dead letters with the reason and the remedy,
    /// at most the first KiB of each, the time, and the name of our connection. The caller
    /// acknowledges the original after that.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn dead_letter(
        &self,
        delivery: &Delivery,
        why: &SetAside,
    ) -> Result<(), PublishError> {
        self.send(Message {
            exchange: name(&self.dead_letter_exchange)?,
            routing_key: name(&delivery.queue)?,
            mandatory: true,
            properties: copy::set_aside(&delivery.properties, &delivery.queue, why, &self.name),
            body: delivery.body.clone(),
        })
        .await
    }

    /// Sends a copy of a dead letter to a queue, as it was when it was first published. What is
    /// sent one after the other arrives in that order.
    pub(crate) async fn redrive(
        &self,
        letter: &DeadLetter,
        queue: &str,
    ) -> Result<Unconfirmed, PublishError> {
        self.submit(Message {
            exchange: ShortString::default(),
            routing_key: name(queue)?,
            mandatory: true,
            properties: copy::redriven(&letter.original),
            body: letter.body.clone(),
        })
        .await
    }

    /// Returns when the task has ended without having been closed: the broker refuses the user, or
    /// the task panicked. Nothing can be published any more.
    pub async fn failed(&self) -> Arc<BrokerError> {
        self.over.ended.cancelled().await;
        if self.closing.is_cancelled() {
            std::future::pending::<()>().await;
        }
        let ended = || Arc::new(BrokerError::Ended { task: "publisher" });
        self.over.why.get().cloned().unwrap_or_else(ended)
    }

    /// Publishes what was asked for before, within the publish timeout, and ends the task and its
    /// connection. Whatever is asked for afterwards, by any handle, fails as `Closed`.
    pub async fn close(self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn send(&self, message: Message) -> Result<(), PublishError> {
        self.submit(message).await?.confirmed().await
    }

    async fn submit(&self, message: Message) -> Result<Unconfirmed, PublishError> {
        let (reply, result) = oneshot::channel();
        let unconfirmed = Unconfirmed {
            result,
            deadline: Instant::now() + self.publish_timeout,
            publish_timeout: self.publish_timeout,
        };
        let sent = self.jobs.send(Job { message, reply });
        match timeout_at(unconfirmed.deadline, sent).await {
            Ok(Ok(())) => Ok(unconfirmed),
            Ok(Err(_)) => Err(PublishError::Closed),
            Err(_) => Err(PublishError::TimedOut(self.publish_timeout)),
        }
    }
}

/// A message on its way.
pub(crate) struct Unconfirmed {
    result: oneshot::Receiver<Result<(), PublishError>>,
    deadline: Instant,
    publish_timeout: Duration,
}

impl Unconfirmed {
    /// Returns when a queue has taken the message over.
    pub(crate) async fn confirmed(self) -> Result<(), PublishError> {
        match timeout_at(self.deadline, self.result).await {
            // The task answers every job it takes; what it leaves behind was never sent.
            Ok(result) => result.map_err(|_| PublishError::Closed)?,
            Err(_) => Err(PublishError::TimedOut(self.publish_timeout)),
        }
    }
}

fn name(text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text).map_err(|_| PublishError::NameTooLong {
        name: text.to_owned(),
    })
}

/// The properties that a message travels with.
pub(crate) fn properties(message: &Outgoing) -> BasicProperties {
    let mut headers = FieldTable::default();
    let trace = LongString::from(message.trace.to_string());
    headers.insert(HEADER_TRACEPARENT.into(), AMQPValue::LongString(trace));
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_type(message.message_type.into())
        .with_headers(headers);
    // An id that AMQP can't carry is left out: the body says who is meant, too.
    let short = |text: &str| ShortString::try_new(text).ok();
    if let Some(id) = short(&message.message_id) {
        properties = properties.with_message_id(id);
    }
    if let Some(id) = message.correlation_id.as_deref().and_then(short) {
        properties = properties.with_correlation_id(id);
    }
    if let Some(queue) = message.reply_to.as_deref().and_then(short) {
        properties = properties.with_reply_to(queue);
    }
    properties
}

async fn run(
    options: BrokerOptions,
    mends: bool,
    mut jobs: mpsc::Receiver<Job>,
    closing: CancellationToken,
) -> Result<(), BrokerError> {
    let mut refusals = Refusals::default();
    let mut delays = Delays::new(options.reconnect.first, options.reconnect.max);
    while !closing.is_cancelled() && !jobs.is_closed() {
        let opened = tokio::select! {
            opened = Session::open(&options, mends) => opened,
            () = closing.cancelled() => break,
        };
        match opened {
            Ok(session) => {
                info!("the publisher is connected");
                delays.reset();
                match session.serve(&mut jobs, &closing).await {
                    End::Closed => break,
                    End::Lost { reason, refusal } => {
                        warn!(reason, "the publisher lost its connection");
                        match refusal {
                            Some(refusal) => refusals.another(refusal)?,
                            None => refusals = Refusals::default(),
                        }
                    }
                }
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the publisher can't connect"
                );
                refusals.another(error)?;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(delays.next()) => {}
            () = closing.cancelled() => break,
        }
    }
    debug!("the publisher ended");
    Ok(())
}
