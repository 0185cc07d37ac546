//! Publishing over one connection, from its beginning to its end.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, Event};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Job, Message, Reply};
use crate::error::{BrokerError, PublishError};
use crate::link::Link;
use crate::options::BrokerOptions;
use crate::topology::declare_on;

/// How many messages may wait for their confirms at once.
const MAX_IN_FLIGHT: usize = 1024;

/// How often at most the exchanges and queues are declared anew for a message that found none.
const MENDING: Duration = Duration::from_secs(1);

/// An open connection with a channel that confirms.
pub(super) struct Session {
    link: Link,
    channel: Channel,
    patience: Duration,
    /// Set where the session declares what is missing on the broker.
    mends: Option<BrokerOptions>,
}

/// Why publishing over this connection ended.
pub(super) enum End {
    /// It was asked to, and is done.
    Closed,
    /// The connection is of no use any more.
    Lost {
        reason: String,
        /// The broker does not let the user publish.
        refusal: Option<BrokerError>,
    },
}

impl Session {
    pub(super) async fn open(options: &BrokerOptions, mends: bool) -> Result<Self, BrokerError> {
        let link = Link::open(options, "publisher").await?;
        let opened = async {
            let channel = link.channel().await?;
            let confirms = channel.confirm_select(ConfirmSelectOptions::default());
            link.answer("asking for confirms", confirms).await?;
            Ok(channel)
        };
        let channel = opened.await.inspect_err(|_| link.sever())?;
        let session = Self {
            link,
            channel,
            patience: options.publish_timeout,
            mends: mends.then(|| options.clone()),
        };
        session.mend().await;
        Ok(session)
    }

    /// Declares what may have been deleted. What can't be declared is not what all other messages
    /// have to wait for.
    async fn mend(&self) {
        if let Some(options) = &self.mends
            && let Err(error) = declare_on(&self.link, options).await
        {
            warn!(
                error = &error as &dyn std::error::Error,
                "the exchanges and queues can't be declared"
            );
        }
    }

    /// Publishes until the connection is lost, or until closing when all is published. Whoever
    /// still waits then hears that the connection was lost.
    pub(super) async fn serve(
        self,
        jobs: &mut mpsc::Receiver<Job>,
        closing: &CancellationToken,
    ) -> End {
        let end = self.publish_all(jobs, closing).await;
        match &end {
            End::Closed => self.link.close().await,
            End::Lost { .. } => self.link.sever(),
        }
        end
    }

    async fn publish_all(
        &self,
        jobs: &mut mpsc::Receiver<Job>,
        closing: &CancellationToken,
    ) -> End {
        let mut events = std::pin::pin!(self.link.connection.events_listener());
        let mut confirms = FuturesUnordered::new();
        let mut waiting = Waiting::default();
        let mut batch = Vec::new();
        let (mut open, mut draining) = (true, false);
        let mut mended = Instant::now();
        let mut blocked = self.link.connection.status().blocked();
        // When to give the connection up, unless something is confirmed before.
        let mut hopeless = Instant::now() + self.patience;
        while open || !confirms.is_empty() {
            let room = MAX_IN_FLIGHT - confirms.len();
            let overdue = draining || (!confirms.is_empty() && !blocked);
            tokio::select! {
                taken = jobs.recv_many(&mut batch, room), if open && !blocked && room > 0 => {
                    open = taken > 0;
                    if confirms.is_empty() {
                        hopeless = Instant::now() + self.patience;
                    }
                    for job in batch.drain(..) {
                        // Nobody waits any more for what timed out in the queue.
                        if !job.reply.is_closed() {
                            let id = waiting.add(Key::sent(&job.message), job.reply);
                            confirms.push(publish(&self.channel, id, job.message));
                        }
                    }
                }
                Some(first) = confirms.next() => {
                    hopeless = Instant::now() + self.patience;
                    let mut results = vec![first];
                    while let Some(Some(next)) = confirms.next().now_or_never() {
                        results.push(next);
                    }
                    if let Err(error) = waiting.answer(results) {
                        return waiting.lost(error.to_string(), self.link.refused_publish(&error));
                    }
                    if std::mem::take(&mut waiting.homeless) && mended.elapsed() > MENDING {
                        self.mend().await;
                        mended = Instant::now();
                    }
                }
                Some(event) = events.next() => match event {
                    Event::ConnectionBlocked(reason) => {
                        warn!(reason, "the broker takes no messages for the time being");
                        blocked = true;
                    }
                    Event::ConnectionUnblocked => {
                        info!("the broker takes messages again");
                        blocked = false;
                        hopeless = Instant::now() + self.patience;
                    }
                    Event::Error(error) => {
                        return waiting.lost(error.to_string(), self.link.refused_publish(&error));
                    }
                    _ => {}
                },
                () = sleep_until(hopeless), if overdue => {
                    return waiting.lost(format!("no confirm for {:?}", self.patience), None);
                }
                () = closing.cancelled(), if !draining => {
                    jobs.close();
                    draining = true;
                    hopeless = Instant::now() + self.patience;
                }
            }
        }
        End::Closed
    }
}

/// Its frames are queued by the first poll, so that a batch is on the wire before its first confirm
/// is awaited.
async fn publish(
    channel: &Channel,
    id: u64,
    message: Message,
) -> (u64, lapin::Result<Confirmation>) {
    let options = BasicPublishOptions {
        mandatory: message.mandatory,
        ..BasicPublishOptions::default()
    };
    let sent = channel.basic_publish(
        message.exchange,
        message.routing_key,
        options,
        &message.body,
        message.properties,
    );
    match sent.await {
        Ok(confirm) => (id, confirm.await),
        Err(error) => (id, Err(error)),
    }
}

/// Those who wait for what becomes of their messages.
#[derive(Default)]
struct Waiting {
    next_id: u64,
    by_id: HashMap<u64, (Key, Reply)>,
    returned: Vec<Key>,
    /// A message to one of our own exchanges found no queue.
    homeless: bool,
}

impl Waiting {
    fn add(&mut self, key: Key, reply: Reply) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.by_id.insert(id, (key, reply));
        id
    }

    /// Tells each what became of its message, or fails if the connection is of no use any more.
    ///
    /// lapin hands a returned message to whichever message is confirmed next, which may be
    /// another one, but never later than to the right one. So what was returned is collected
    /// first, and matched by what it is.
    fn answer(&mut self, results: Vec<(u64, lapin::Result<Confirmation>)>) -> lapin::Result<()> {
        let mut confirmed = Vec::with_capacity(results.len());
        let mut outcome = Ok(());
        for (id, result) in results {
            match result {
                Ok(confirmation) => {
                    confirmed.push((id, confirmation.is_ack()));
                    let returned = confirmation.take_message();
                    self.returned.extend(returned.as_ref().map(Key::returned));
                }
                Err(error) => outcome = Err(error),
            }
        }
        for (id, accepted) in confirmed {
            let Some((key, reply)) = self.by_id.remove(&id) else {
                continue;
            };
            let result = if self.was_returned(&key) {
                // On the default exchange it is the requester's queue that is gone.
                self.homeless |= !key.exchange.as_str().is_empty();
                Err(PublishError::Unroutable {
                    exchange: key.exchange.to_string(),
                    routing_key: key.routing_key.to_string(),
                })
            } else if accepted {
                Ok(())
            } else {
                Err(PublishError::Refused)
            };
            // Whoever gave up waiting does not need to know.
            let _ = reply.send(result);
        }
        outcome
    }

    fn was_returned(&mut self, key: &Key) -> bool {
        let found = self.returned.iter().position(|returned| returned == key);
        if let Some(index) = found {
            self.returned.swap_remove(index);
        }
        found.is_some()
    }

    /// Tells all who still wait that the connection was lost.
    fn lost(self, reason: String, refusal: Option<BrokerError>) -> End {
        for (_, reply) in self.by_id.into_values() {
            let _ = reply.send(Err(PublishError::Disconnected(reason.clone())));
        }
        End::Lost { reason, refusal }
    }
}

/// What tells a returned message from others in flight. Two that agree in all of it are the same
/// message published twice, and may swap their results.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    exchange: ShortString,
    routing_key: ShortString,
    message_id: Option<ShortString>,
}

impl Key {
    fn sent(message: &Message) -> Self {
        Self {
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            message_id: message.properties.message_id().clone(),
        }
    }

    fn returned(message: &BasicReturnMessage) -> Self {
        Self {
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            message_id: message.properties.message_id().clone(),
        }
    }
}
