//! What there is on the broker, without changing it.

use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use crate::error::BrokerError;
use crate::link::{LOOKING_AT_A_QUEUE, LOOKING_AT_AN_EXCHANGE, Link, short};
use crate::options::BrokerOptions;
use crate::topology::work_queues;

/// What there is of an installation's exchanges and queues.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The names of the exchanges and queues that do not exist.
    pub missing: Vec<String>,
    /// The queues that exist and are consumed by workers.
    pub work: Vec<QueueState>,
    /// The queue of dead letters.
    pub dead_letters: Option<QueueState>,
}

/// A queue as the broker counts it.
#[derive(Debug)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// How many consumers it has.
    pub consumers: u32,
    /// How many messages wait in it.
    pub messages: u32,
}

impl Inspection {
    /// Whether nothing at all exists under the prefix.
    pub fn is_empty(&self) -> bool {
        self.work.is_empty() && self.dead_letters.is_none()
    }
}

/// Looks at every exchange and queue of the installation.
///
/// # Errors
/// [`BrokerError`]; what is missing is no error.
pub async fn inspect(options: &BrokerOptions) -> Result<Inspection, BrokerError> {
    let link = Link::open(options, "doctor").await?;
    let found = inspect_on(&link, options).await;
    link.close().await;
    found
}

async fn inspect_on(link: &Link, options: &BrokerOptions) -> Result<Inspection, BrokerError> {
    let names = &options.names;
    let mut found = Inspection::default();
    for (name, kind) in [
        (names.commands_exchange(), ExchangeKind::Direct),
        (names.events_exchange(), ExchangeKind::Topic),
        (names.dead_letter_exchange(), ExchangeKind::Fanout),
    ] {
        if !exchange(link, &name, kind).await? {
            found.missing.push(name);
        }
    }
    let dead_letters = names.dead_letter_queue();
    found.dead_letters = queue(link, &dead_letters).await?;
    if found.dead_letters.is_none() {
        found.missing.push(dead_letters);
    }
    for (name, _) in work_queues(names) {
        match queue(link, &name).await? {
            Some(state) => found.work.push(state),
            None => found.missing.push(name),
        }
    }
    Ok(found)
}

/// Whether the exchange exists.
async fn exchange(link: &Link, name: &str, kind: ExchangeKind) -> Result<bool, BrokerError> {
    let passive = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    // A channel for each, since a refusal closes it.
    let channel = link.channel().await?;
    let declare = channel.exchange_declare(short(name)?, kind, passive, FieldTable::default());
    let answer = link.answer_for(LOOKING_AT_AN_EXCHANGE, name, declare);
    match answer.await {
        Ok(()) => Ok(true),
        Err(BrokerError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The queue, if it exists.
async fn queue(link: &Link, name: &str) -> Result<Option<QueueState>, BrokerError> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let channel = link.channel().await?;
    let declare = channel.queue_declare(short(name)?, passive, FieldTable::default());
    match link.answer_for(LOOKING_AT_A_QUEUE, name, declare).await {
        Ok(queue) => Ok(Some(QueueState {
            name: name.to_owned(),
            consumers: queue.consumer_count(),
            messages: queue.message_count(),
        })),
        Err(BrokerError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inspection_is_empty_while_no_queue_was_found() {
        let mut found = Inspection {
            missing: vec!["a".into()],
            ..Inspection::default()
        };
        assert!(found.is_empty());
        found.work.push(QueueState {
            name: "b".into(),
            consumers: 0,
            messages: 0,
        });
        assert!(!found.is_empty());
    }
}
