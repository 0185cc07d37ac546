//! Why a command could not do what it was asked, and which exit code says so.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use broker::{BrokerError, PublishError};
use ledger::LedgerError;
use schemas::files::FileProblem;
use uuid::Uuid;

use crate::exit::Exit;
use crate::text::quotable;

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{name} is not set")]
    UrlMissing {
        name: &'static str,
        key: &'static str,
    },
    #[error("{0} is not text in UTF-8; percent-encode what is not ASCII")]
    UrlNoText(&'static str),
    #[error("can't read {}", .path.display())]
    FileUnreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} does not end in .json or .toml", .0.display())]
    FileEnding(PathBuf),
    #[error("{}: {problem}", .path.display())]
    FileInvalid { path: PathBuf, problem: FileProblem },
    #[error("the inventory in {} was refused, and nothing of it was loaded", .path.display())]
    InventoryRefused {
        path: PathBuf,
        #[source]
        source: LedgerError,
    },
    #[error("Postgres: can't {action}")]
    Ledger {
        action: &'static str,
        #[source]
        source: LedgerError,
    },
    #[error("RabbitMQ: can't {action}")]
    Broker {
        action: &'static str,
        #[source]
        source: BrokerError,
    },
    #[error("RabbitMQ did not take the request {request_id}: nothing is done")]
    NotPublished {
        request_id: Uuid,
        #[source]
        source: PublishError,
    },
    #[error("RabbitMQ has no queue for upgrade requests: nothing is done")]
    NoQueue(#[source] PublishError),
    #[error("it is not known whether RabbitMQ took the request {request_id}")]
    PublishUnknown {
        request_id: Uuid,
        #[source]
        source: PublishError,
    },
    #[error("the answer to the request {request_id} was lost")]
    AnswerLost {
        request_id: Uuid,
        #[source]
        source: BrokerError,
    },
    #[error("no answer to the request {request_id} came within {}", humantime::format_duration(*.timeout))]
    NoAnswer { request_id: Uuid, timeout: Duration },
    #[error("there is no {0}")]
    NotFound(String),
    #[error("there is no dead letter {}", .0.join(", "))]
    NoDeadLetter(Vec<String>),
    #[error("purging has to be confirmed, and nobody can be asked here: nothing is done")]
    Unconfirmed,
    #[error("RabbitMQ: redriving stopped; what was not told to be redriven is where it was")]
    RedriveStopped(#[source] PublishError),
    #[error("can't write the output")]
    Output(#[from] io::Error),
}

impl CliError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            CliError::UrlMissing { .. }
            | CliError::UrlNoText(_)
            | CliError::FileUnreadable { .. }
            | CliError::FileEnding(_)
            | CliError::FileInvalid { .. }
            | CliError::InventoryRefused { .. }
            | CliError::Unconfirmed => Exit::Usage,
            CliError::Ledger {
                source: LedgerError::Invalid(_),
                ..
            }
            | CliError::Broker {
                source:
                    BrokerError::InvalidUrl { .. }
                    | BrokerError::InvalidPrefix { .. }
                    | BrokerError::NameTooLong { .. },
                ..
            } => Exit::Usage,
            CliError::PublishUnknown { .. }
            | CliError::AnswerLost { .. }
            | CliError::NoAnswer { .. } => Exit::NoAnswer,
            CliError::Ledger { .. }
            | CliError::Broker { .. }
            | CliError::NotPublished { .. }
            | CliError::NoQueue(_)
            | CliError::RedriveStopped(_)
            | CliError::Output(_) => Exit::Unavailable,
            CliError::NotFound(_) | CliError::NoDeadLetter(_) => Exit::NotFound,
        }
    }

    /// The cause whose own text says where, why and what to do, so that nothing is left to add.
    fn told_whole_by(&self) -> Option<&dyn Error> {
        match self {
            CliError::Ledger { source, .. } => match source {
                LedgerError::Unreachable { .. } | LedgerError::Invalid(_) => Some(source),
                _ => None,
            },
            CliError::Broker { source, .. } => match source {
                BrokerError::InvalidUrl { .. }
                | BrokerError::InvalidPrefix { .. }
                | BrokerError::Unreachable { .. }
                | BrokerError::TimedOut { .. }
                | BrokerError::LoginRefused { .. }
                | BrokerError::VhostRefused { .. }
                | BrokerError::NameTooLong { .. } => Some(source),
                _ => None,
            },
            _ => None,
        }
    }

    /// What to do next, where the message alone does not tell.
    fn remedy(&self) -> Option<String> {
        Some(match self {
            CliError::UrlMissing { name, key } => {
                format!("set {name} in the environment, or {key} in a file named by --config")
            }
            CliError::FileEnding(_) => "name the file after what it holds".to_owned(),
            CliError::Ledger {
                source: LedgerError::SchemaOutdated { .. },
                ..
            } => "`tpvm-upgrade migrate` applies them too".to_owned(),
            CliError::Ledger {
                source: LedgerError::Unavailable(_),
                ..
            } => {
                "try again; `tpvm-upgrade doctor` tells whether Postgres can be reached".to_owned()
            }
            CliError::NoQueue(_) => {
                "start a worker with the same --broker-prefix: workers declare the queues"
                    .to_owned()
            }
            CliError::NotPublished { request_id, .. }
            | CliError::PublishUnknown { request_id, .. }
            | CliError::AnswerLost { request_id, .. }
            | CliError::NoAnswer { request_id, .. } => format!(
                "the same command with --request-id {request_id} is safe: the request is never \
                 carried out twice"
            ),
            CliError::NotFound(_) => "`tpvm-upgrade list` shows what there is".to_owned(),
            CliError::NoDeadLetter(_) => {
                "nothing is done; `tpvm-upgrade dead-letters list` shows what there is".to_owned()
            }
            CliError::Unconfirmed => "look at it with --dry-run, then give --yes".to_owned(),
            CliError::RedriveStopped(_) => {
                "the same command again is safe: a message that is doubled by it is carried out \
                 once"
                    .to_owned()
            }
            // Their texts say it.
            CliError::UrlNoText(_)
            | CliError::Ledger { .. }
            | CliError::Broker { .. }
            | CliError::FileUnreadable { .. }
            | CliError::FileInvalid { .. }
            | CliError::InventoryRefused { .. }
            | CliError::Output(_) => return None,
        })
    }
}

/// The error with its causes, and what to do next, as lines for stderr.
pub(crate) fn explain(error: &CliError) -> String {
    let text = match error.told_whole_by() {
        Some(cause) => format!("error: {cause}"),
        None => format!("error: {}", chain(error)),
    };
    let mut text = quotable(&text);
    if let Some(remedy) = error.remedy() {
        text.push_str(&format!("\nnext: {remedy}"));
    }
    text.push('\n');
    text
}

/// The error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}
