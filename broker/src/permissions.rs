//! Whether the user may do what is about to be done: asked before, so that a missing permission is
//! an error with a name and not a queue that stays empty.
//!
//! Nothing is published or received by it. What is declared tells of the permission to configure.

use lapin::ExchangeKind;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions,
    ExchangeDeclareOptions, ExchangeUnbindOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, ErrorKind};
use schemas::Names;

use crate::error::BrokerError;
use crate::link::{CONSUMING, Doing, LOOKING_AT_AN_EXCHANGE, Link, short};
use crate::options::BrokerOptions;

/// The routing key of the messages: no queue is bound with it.
const UNBOUND: &str = "permission-check.message";
/// The routing key of the bindings: no message has it, another worker's check included, which may
/// run at the same time.
const UNUSED: &str = "permission-check.binding";
const PUBLISHING: Doing = Doing("checking the permission to publish", "write");
/// A binding between exchanges takes both permissions; the one to read the commands exchange is
/// also what binding the queues takes.
const PUBLISHING_TO_LISTENERS: Doing = Doing("checking the permission to publish", "write");

/// Checks what workers need beyond declaring: to publish everywhere, and to read these queues,
/// which exist.
///
/// # Errors
/// [`BrokerError::AccessRefused`] names what is missing; others as [`crate::declare`].
pub async fn check_permissions(
    options: &BrokerOptions,
    queues: &[String],
) -> Result<(), BrokerError> {
    let link = Link::open(options, "permissions").await?;
    let checked = check(&link, &options.names, queues).await;
    link.close().await;
    checked
}

/// Checks what the command line needs to send requests.
///
/// # Errors
/// As [`check_permissions`]; [`BrokerError::Missing`] if no worker has declared the exchange yet.
pub async fn check_commands(options: &BrokerOptions) -> Result<(), BrokerError> {
    let link = Link::open(options, "permissions").await?;
    let commands = options.names.commands_exchange();
    let checked = async {
        exists(&link, &commands).await?;
        publish(&link, &commands).await
    };
    let checked = checked.await;
    link.close().await;
    checked
}

async fn check(link: &Link, names: &Names, queues: &[String]) -> Result<(), BrokerError> {
    let commands = names.commands_exchange();
    publish(link, &commands).await?;
    // Replies go to the queues of requesters.
    publish(link, "").await?;
    for exchange in [names.events_exchange(), names.dead_letter_exchange()] {
        bind(link, &commands, &exchange).await?;
    }
    for queue in queues {
        consume(link, queue).await?;
    }
    Ok(())
}

/// A message to nobody: the broker drops it.
async fn publish(link: &Link, exchange: &str) -> Result<(), BrokerError> {
    let channel = link.channel().await?;
    let confirms = channel.confirm_select(ConfirmSelectOptions::default());
    link.answer("asking for confirms", confirms).await?;
    let confirmed = async {
        channel
            .basic_publish(
                short_or_empty(exchange),
                ShortString::from(UNBOUND),
                BasicPublishOptions::default(),
                b"",
                BasicProperties::default(),
            )
            .await?
            .await
    };
    let name = if exchange.is_empty() {
        "amq.default"
    } else {
        exchange
    };
    link.answer_for(PUBLISHING, name, confirmed).await?;
    Ok(())
}

/// The exchange's listeners must not receive anything, so it is bound with a key that no message
/// has, and unbound.
async fn bind(link: &Link, from: &str, to: &str) -> Result<(), BrokerError> {
    let channel = link.channel().await?;
    let bind = channel.exchange_bind(
        short(to)?,
        short(from)?,
        ShortString::from(UNUSED),
        ExchangeBindOptions::default(),
        FieldTable::default(),
    );
    link.answer_for(PUBLISHING_TO_LISTENERS, to, bind).await?;
    let unbind = channel.exchange_unbind(
        short(to)?,
        short(from)?,
        ShortString::from(UNUSED),
        ExchangeUnbindOptions::default(),
        FieldTable::default(),
    );
    link.answer_for(PUBLISHING_TO_LISTENERS, to, unbind).await
}

/// Asks for messages in a way that the broker refuses, after it has looked at the permission:
/// nothing is received.
async fn consume(link: &Link, queue: &str) -> Result<(), BrokerError> {
    let channel = link.channel().await?;
    let mut arguments = FieldTable::default();
    let no_number = AMQPValue::LongString(LongString::from("none"));
    arguments.insert("x-priority".into(), no_number);
    let consume = channel.basic_consume(
        short(queue)?,
        ShortString::default(),
        BasicConsumeOptions::default(),
        arguments,
    );
    match link.answer_for(CONSUMING, queue, consume).await {
        Ok(_) | Err(BrokerError::Mismatch { .. }) => Ok(()),
        Err(BrokerError::Failed { source, .. })
            if matches!(source.kind(), ErrorKind::ProtocolError(_)) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn exists(link: &Link, exchange: &str) -> Result<(), BrokerError> {
    let channel = link.channel().await?;
    let passive = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    let declare = channel.exchange_declare(
        short(exchange)?,
        ExchangeKind::Direct,
        passive,
        FieldTable::default(),
    );
    link.answer_for(LOOKING_AT_AN_EXCHANGE, exchange, declare)
        .await
}

/// The default exchange has no name.
fn short_or_empty(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}
