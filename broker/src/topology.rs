//! The exchanges and queues. Declaring what exists already changes nothing.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ExchangeKind};
use schemas::names::REQUEST_DELIVERY_LIMIT;
use schemas::{Names, State};

use crate::error::BrokerError;
use crate::link::{BINDING, DECLARING_A_QUEUE, DECLARING_AN_EXCHANGE, Link, short};
use crate::options::BrokerOptions;

/// Dead letters are looked at and put back by people, and nothing takes them in when they exceed
/// a limit: RabbitMQ 4 would drop them after its default of 20. It has a value for "no limit",
/// but 3.x refuses it.
const DEAD_LETTER_DELIVERY_LIMIT: u32 = i32::MAX as u32;

/// The longest name that AMQP carries, in bytes.
const LONGEST_NAME: usize = 255;

/// Checks that exchanges and queues can have names with this prefix.
///
/// # Errors
/// [`BrokerError::InvalidPrefix`].
pub fn check_prefix(prefix: &str) -> Result<(), BrokerError> {
    let names = Names::new(prefix);
    let queues = work_queues(&names).into_iter().map(|(queue, _)| queue);
    let longest = queues.chain([names.dead_letter_lock()]);
    let behind = longest.map(|name| name.len() - prefix.len()).max();
    let most = LONGEST_NAME - behind.unwrap_or(0);
    let problem = if prefix.is_empty() {
        "it is empty; leave it out for the default, or write a name".to_owned()
    } else if prefix.len() > most {
        format!(
            "it has {} bytes; write {most} at most, since names are limited to {LONGEST_NAME}",
            prefix.len()
        )
    } else if prefix.chars().any(|c| c.is_control() || c.is_whitespace()) {
        "it has a blank or a control character in it; write letters, digits, - and .".to_owned()
    } else if prefix.starts_with("amq.") {
        "RabbitMQ reserves names that begin with amq.; write another one".to_owned()
    } else {
        return Ok(());
    };
    Err(BrokerError::InvalidPrefix { problem })
}

/// Checks the URL, connects once and declares every exchange and queue.
///
/// # Errors
/// [`BrokerError`], which tells a broker that can't be reached (transient) from a refused login,
/// and names an exchange or queue that exists with other arguments.
pub async fn declare(options: &BrokerOptions) -> Result<(), BrokerError> {
    let link = Link::open(options, "setup").await?;
    let declared = declare_on(&link, options).await;
    link.close().await;
    declared
}

/// Declares every exchange and queue on an open connection.
pub(crate) async fn declare_on(link: &Link, options: &BrokerOptions) -> Result<(), BrokerError> {
    let names = &options.names;
    let topology = Topology {
        link,
        // Of its own, since a refusal closes it.
        channel: link.channel().await?,
    };
    let commands = names.commands_exchange();
    let dead_letters = names.dead_letter_exchange();
    topology.exchange(&commands, ExchangeKind::Direct).await?;
    topology
        .exchange(&names.events_exchange(), ExchangeKind::Topic)
        .await?;
    topology
        .exchange(&dead_letters, ExchangeKind::Fanout)
        .await?;

    let queue = names.dead_letter_queue();
    topology.queue(&queue, dead_letter_arguments()).await?;
    topology.bind(&queue, &dead_letters, "").await?;

    for (queue, key) in work_queues(names) {
        let limit = if key == Names::REQUEST_KEY {
            REQUEST_DELIVERY_LIMIT.max(options.delivery_limit)
        } else {
            options.delivery_limit
        };
        let arguments = work_arguments(options, limit);
        topology.queue(&queue, arguments).await?;
        topology.bind(&queue, &commands, &key).await?;
    }
    Ok(())
}

/// Every queue that workers consume from, with its routing key on the commands exchange.
pub(crate) fn work_queues(names: &Names) -> Vec<(String, String)> {
    let request = (names.request_queue(), Names::REQUEST_KEY.to_owned());
    let states = State::ALL
        .into_iter()
        .filter_map(|state| names.state_queue(state).zip(Names::state_key(state)));
    std::iter::once(request).chain(states).collect()
}

fn work_arguments(options: &BrokerOptions, delivery_limit: u32) -> FieldTable {
    let mut arguments = quorum(delivery_limit);
    let dead_letters = options.names.dead_letter_exchange();
    arguments.insert("x-dead-letter-exchange".into(), text(&dead_letters));
    // A dead letter leaves its queue only when the other one has it. The broker asks for
    // reject-publish with this.
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn dead_letter_arguments() -> FieldTable {
    quorum(DEAD_LETTER_DELIVERY_LIMIT)
}

fn quorum(delivery_limit: u32) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    let limit = AMQPValue::LongLongInt(delivery_limit.into());
    arguments.insert("x-delivery-limit".into(), limit);
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

struct Topology<'a> {
    link: &'a Link,
    channel: Channel,
}

impl Topology<'_> {
    async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), BrokerError> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let call =
            self.channel
                .exchange_declare(short(name)?, kind, options, FieldTable::default());
        self.link
            .answer_for(DECLARING_AN_EXCHANGE, name, call)
            .await
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), BrokerError> {
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let call = self.channel.queue_declare(short(name)?, options, arguments);
        self.link.answer_for(DECLARING_A_QUEUE, name, call).await?;
        Ok(())
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), BrokerError> {
        let call = self.channel.queue_bind(
            short(queue)?,
            short(exchange)?,
            ShortString::from(key),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.link.answer_for(BINDING, queue, call).await
    }
}
