//! Looking at the dead letters, and taking some of them out.
//!
//! AMQP can't look into a queue: a message is seen by receiving it, and is hidden from everybody
//! else until it is given back. So all of them are received, oldest first, and given back in the
//! same order; what was not acknowledged by then is where it was before. A process that dies
//! meanwhile gives everything back by losing its connection, if not always in order. The queue
//! has no delivery limit that looking could reach.
//!
//! Whoever looks holds a lock, since two at once would each see a part. Giving back is waited for
//! before the lock is let go.

pub(crate) mod copy;
mod diagnosis;
mod id;
mod letter;
mod lock;
mod redrive;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use schemas::Names;
use tokio::time::{Instant, timeout};

use crate::delay::Delays;
use crate::error::BrokerError;
use crate::link::{CONSUMING, LOOKING_AT_A_QUEUE, Link, short};
use crate::options::BrokerOptions;
use id::Ids;
use lock::Lock;

pub use letter::{DeadLetter, NoWayBack};
pub use redrive::RedriveError;

/// How many letters are asked for at once: the most that lie in memory, with their bodies, beside
/// those that the caller keeps.
const BATCH: usize = 256;

/// How many letters are looked at. The oldest ones, always the same number: a queue gives back
/// what it was given back first, so looking at fewer than the last time would change their order.
const MOST: usize = 100_000;

/// How many letters are given back with one command: RabbitMQ shuffles more than these.
const GIVE_BACK: usize = 32;

/// The dead letters, as long as one looks at them.
///
/// Must be [closed](DeadLetters::close) for the next one to see them all at once; dropped, the
/// broker gives them back when it notices.
pub struct DeadLetters {
    link: Link,
    lock: Lock,
    names: Names,
    queue: String,
    patience: Duration,
    seen: usize,
    batches: usize,
    /// The delivery tags of those that are to be given back, each with the number of its batch.
    held: BTreeMap<u64, usize>,
    ids: Ids,
    first: Option<DeadLetter>,
}

impl DeadLetters {
    /// Connects and waits up to `wait` until nobody else looks.
    ///
    /// # Errors
    /// [`BrokerError`]: `InUse` if somebody else still looks, `Missing` if no worker has declared
    /// the queue yet.
    pub async fn open(options: &BrokerOptions, wait: Duration) -> Result<Self, BrokerError> {
        let link = Link::open(options, "dead letters").await?;
        let queue = options.names.dead_letter_queue();
        passive(&link, &link.channel().await?, &queue).await?;
        let lock = lock::take(&link, &options.names.dead_letter_lock(), wait).await?;
        let mut letters = Self {
            link,
            lock,
            names: options.names.clone(),
            queue,
            patience: options.connect_timeout,
            seen: 0,
            batches: 0,
            held: BTreeMap::new(),
            ids: Ids::default(),
            first: None,
        };
        letters.take_first().await?;
        Ok(letters)
    }

    /// Whether there may be more letters than one can look at: the newest ones were left out.
    pub fn is_cut(&self) -> bool {
        self.seen >= MOST
    }

    /// The next letters, from the oldest to the newest, at most 257; none at the end. They stay in
    /// the queue unless they are [removed](Self::remove) or [redriven](Self::redrive).
    ///
    /// # Errors
    /// [`BrokerError`]; nothing is lost, the broker takes all letters back.
    pub async fn next(&mut self) -> Result<Vec<DeadLetter>, BrokerError> {
        let mut letters: Vec<DeadLetter> = self.first.take().into_iter().collect();
        let left = MOST.saturating_sub(self.seen);
        let due = self.ready().await?.min(BATCH).min(left);
        let Some(prefetch) = u16::try_from(due).ok().filter(|due| *due > 0) else {
            return Ok(letters);
        };
        self.batches += 1;
        let mut consumer = self.consume(prefetch).await?;
        let due = letters.len() + due;
        while letters.len() < due {
            match timeout(self.patience, consumer.next()).await {
                Ok(Some(Ok(message))) => letters.push(self.received(message)),
                Ok(Some(Err(source))) => {
                    return Err(BrokerError::Failed {
                        doing: "reading the dead letters",
                        source,
                    });
                }
                Ok(None) => {
                    return Err(BrokerError::Cancelled {
                        queue: self.queue.clone(),
                    });
                }
                // Another consumer was faster.
                Err(_) if self.ready().await? == 0 => break,
                Err(_) => return Err(self.link.timed_out("reading the dead letters")),
            }
        }
        // Before any of them is removed: that would make room for more.
        let cancel = self
            .lock
            .channel
            .basic_cancel(consumer.tag(), BasicCancelOptions::default());
        self.link.answer("ending the consumer", cancel).await?;
        while let Ok(Some(Ok(message))) = timeout(self.patience, consumer.next()).await {
            letters.push(self.received(message));
        }
        Ok(letters)
    }

    /// Removes a letter for good.
    ///
    /// # Errors
    /// [`BrokerError`] if that can't be told to the broker: the letter stays.
    pub async fn remove(&mut self, letter: &DeadLetter) -> Result<(), BrokerError> {
        let ack = self
            .lock
            .channel
            .basic_ack(letter.tag, BasicAckOptions::default());
        self.link.answer("removing a dead letter", ack).await?;
        self.held.remove(&letter.tag);
        Ok(())
    }

    /// Gives back all letters that were not removed, in their order, and waits until the queue
    /// has them. Says how many others consume from the queue, regardless of the lock: what they
    /// held was not seen.
    ///
    /// # Errors
    /// [`BrokerError`] if that could not be seen; the broker takes them back in any case.
    pub async fn close(mut self) -> Result<u32, BrokerError> {
        self.give_back().await?;
        let others = self.declared().await?.consumer_count();
        self.link.close().await;
        Ok(others)
    }

    /// Takes the first letter by itself. If whoever looked before has just died, the queue gets
    /// its letters back before it answers this; asked for its length, it might still forget them.
    async fn take_first(&mut self) -> Result<(), BrokerError> {
        let get = self
            .lock
            .channel
            .basic_get(short(&self.queue)?, BasicGetOptions::default());
        let first = self.link.answer("reading the dead letters", get).await?;
        self.first = first.map(|first| self.received(first.delivery));
        Ok(())
    }

    /// RabbitMQ keeps the order of what it gets back in separate commands, of one batch each. It
    /// puts commands together that it has no time for, so each is waited for.
    async fn give_back(&mut self) -> Result<(), BrokerError> {
        let held: Vec<(u64, usize)> = std::mem::take(&mut self.held).into_iter().collect();
        let batches = held.chunk_by(|(_, batch), (_, next)| batch == next);
        let mut given = 0;
        for letters in batches.flat_map(|batch| batch.chunks(GIVE_BACK)) {
            let Some((last, _)) = letters.last() else {
                continue;
            };
            let back = BasicNackOptions {
                multiple: true,
                requeue: true,
            };
            let nack = self.lock.channel.basic_nack(*last, back);
            self.link.answer("giving back dead letters", nack).await?;
            given += letters.len();
            self.until("giving back dead letters", async |queue| {
                Ok(queue.ready().await? >= given)
            })
            .await?;
        }
        Ok(())
    }

    /// Has the broker send so many letters, and no more as long as none of them is removed.
    async fn consume(&self, prefetch: u16) -> Result<lapin::Consumer, BrokerError> {
        let qos = self
            .lock
            .channel
            .basic_qos(prefetch, BasicQosOptions::default());
        self.link.answer("setting the prefetch", qos).await?;
        let consume = self.lock.channel.basic_consume(
            short(&self.queue)?,
            ShortString::default(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        self.link.answer_for(CONSUMING, &self.queue, consume).await
    }

    fn received(&mut self, message: lapin::message::Delivery) -> DeadLetter {
        self.seen += 1;
        self.held.insert(message.delivery_tag, self.batches);
        let id = self.ids.of(&message.properties, &message.data);
        DeadLetter::new(id, message, &self.names)
    }

    /// How many letters are in the queue, and not with a consumer.
    async fn ready(&self) -> Result<usize, BrokerError> {
        let count = self.declared().await?.message_count();
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    async fn declared(&self) -> Result<lapin::Queue, BrokerError> {
        passive(&self.link, &self.lock.channel, &self.queue).await
    }

    /// Asks until the answer is yes, for as long as the broker may take for an answer.
    async fn until(
        &mut self,
        doing: &'static str,
        mut ask: impl AsyncFnMut(&mut Self) -> Result<bool, BrokerError>,
    ) -> Result<(), BrokerError> {
        let deadline = Instant::now() + self.patience;
        let mut delays = Delays::new(Duration::from_millis(2), Duration::from_millis(200));
        while !ask(self).await? {
            if Instant::now() >= deadline {
                return Err(self.link.timed_out(doing));
            }
            tokio::time::sleep(delays.next()).await;
        }
        Ok(())
    }
}

/// What the broker says about a queue that exists.
async fn passive(link: &Link, channel: &Channel, queue: &str) -> Result<lapin::Queue, BrokerError> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declare = channel.queue_declare(short(queue)?, options, FieldTable::default());
    link.answer_for(LOOKING_AT_A_QUEUE, queue, declare).await
}
