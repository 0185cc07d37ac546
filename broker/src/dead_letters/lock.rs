//! Only one looks at the dead letters at a time.

use std::time::Duration;

use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::time::Instant;

use crate::delay::Delays;
use crate::error::BrokerError;
use crate::link::{CONSUMING, DECLARING_A_QUEUE, Link, short};

/// How long the lock's queue outlives its last use, in milliseconds.
const EXPIRES: i32 = 3_600_000;

/// Being the only one that looks.
pub(super) struct Lock {
    /// The letters must be received by this channel. It bears the lock, so that the broker lets
    /// go of both at the same time, should we die.
    pub(super) channel: Channel,
    _consumer: Consumer,
}

/// Takes the lock: the right to consume from a queue that stays empty, which the broker grants
/// to one at a time.
pub(super) async fn take(link: &Link, name: &str, wait: Duration) -> Result<Lock, BrokerError> {
    let deadline = Instant::now() + wait;
    let mut delays = Delays::new(Duration::from_millis(20), Duration::from_secs(1));
    loop {
        if let Some(lock) = try_take(link, name).await? {
            return Ok(lock);
        }
        if Instant::now() >= deadline {
            return Err(BrokerError::InUse { after: wait });
        }
        tokio::time::sleep(delays.next()).await;
    }
}

async fn try_take(link: &Link, name: &str) -> Result<Option<Lock>, BrokerError> {
    // A refusal closes it.
    let channel = link.channel().await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(EXPIRES));
    let declare = channel.queue_declare(short(name)?, durable, arguments);
    link.answer_for(DECLARING_A_QUEUE, name, declare).await?;
    let exclusive = BasicConsumeOptions {
        exclusive: true,
        ..BasicConsumeOptions::default()
    };
    let consume = channel.basic_consume(
        short(name)?,
        ShortString::default(),
        exclusive,
        FieldTable::default(),
    );
    match link.answer_for(CONSUMING, name, consume).await {
        Ok(consumer) => Ok(Some(Lock {
            channel,
            _consumer: consumer,
        })),
        Err(BrokerError::AccessRefused(refusal)) if refusal.detail.contains("exclusive use") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
