//! What can go wrong. No error repeats the URL, which holds a password.

use std::time::Duration;

/// Why the broker can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The URL, or a file that it names, can't be used.
    #[error("AMQP_URL can't be used: {problem}")]
    InvalidUrl {
        /// What is wrong, and what to do. Repeats no part of the URL that may be a secret.
        problem: String,
    },
    /// The prefix of the names does not serve.
    #[error("the prefix can't be used: {problem}")]
    InvalidPrefix {
        /// What is wrong with it, and what it must be.
        problem: String,
    },
    /// A name is longer than AMQP allows.
    #[error(
        "the name {name:?} is longer than the 255 bytes that AMQP allows: use a shorter prefix"
    )]
    NameTooLong {
        /// The name.
        name: String,
    },
    /// No connection came about.
    #[error("RabbitMQ at {address} {problem}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What happened, and what to do.
        problem: String,
    },
    /// The broker did not answer in time.
    #[error(
        "RabbitMQ at {address} did not answer within {after:?} while {doing}; check that it is RabbitMQ that listens there, that it is not stopped or overloaded, and that no firewall is in between"
    )]
    TimedOut {
        /// Host and port.
        address: String,
        /// What was under way.
        doing: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// Wrong user or password.
    #[error("RabbitMQ at {address} refused the login: {advice}")]
    LoginRefused {
        /// Host and port.
        address: String,
        /// What to do.
        advice: &'static str,
    },
    /// The virtual host does not exist, or the user may not use it.
    #[error(
        "RabbitMQ at {address} refused the virtual host {vhost:?} ({detail}): correct what stands behind the port in AMQP_URL (/%2f is the default virtual host), or give the user permissions for it"
    )]
    VhostRefused {
        /// Host and port.
        address: String,
        /// The virtual host.
        vhost: String,
        /// The broker's words.
        detail: String,
    },
    /// The user lacks a permission.
    #[error("{0}")]
    AccessRefused(Box<Refusal>),
    /// An exchange or a queue of this name exists with other arguments.
    #[error(
        "{name:?} exists on the broker with other arguments ({detail}): drain and delete it, so that it is declared anew, or use another prefix"
    )]
    Mismatch {
        /// The exchange or queue.
        name: String,
        /// What differs, in the broker's words.
        detail: String,
    },
    /// There is no exchange or queue of this name.
    #[error(
        "{name:?} does not exist on the broker: start a worker, which declares it, or check the prefix of the names"
    )]
    Missing {
        /// The exchange or queue.
        name: String,
    },
    /// A task of ours ended that should not have: a defect.
    #[error(
        "the {task} ended unexpectedly: start the program again, and report the log's last lines"
    )]
    Ended {
        /// Which.
        task: &'static str,
    },
    /// Somebody else is looking at the dead letters.
    #[error(
        "somebody else is looking at the dead letters, and was not done within {after:?}: try again when they are"
    )]
    InUse {
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection or channel ended, or was refused something else.
    #[error("the broker's connection failed while {doing}")]
    Failed {
        /// What was under way.
        doing: &'static str,
        /// What happened.
        source: lapin::Error,
    },
    /// The broker stopped the delivery, for example because the queue was deleted.
    #[error("the broker stopped delivering from {queue:?}: open it again")]
    Cancelled {
        /// The queue.
        queue: String,
    },
}

/// What the broker does not let a user do.
#[derive(Debug, thiserror::Error)]
#[error(
    "the broker refuses user {user:?} the permission to {permission} {name:?} in virtual host {vhost:?} ({detail}): have an administrator run `{remedy}`, and start again"
)]
pub struct Refusal {
    /// The user.
    pub user: String,
    /// The virtual host.
    pub vhost: String,
    /// The exchange or queue.
    pub name: String,
    /// Which of configure, write and read.
    pub permission: &'static str,
    /// The command that grants everything needed.
    pub remedy: String,
    /// The broker's words.
    pub detail: String,
}

impl BrokerError {
    /// Whether the same again may succeed without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Missing { .. }
            | Self::InUse { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. } => true,
            Self::InvalidUrl { .. }
            | Self::InvalidPrefix { .. }
            | Self::Ended { .. }
            | Self::NameTooLong { .. }
            | Self::LoginRefused { .. }
            | Self::VhostRefused { .. }
            | Self::AccessRefused(_)
            | Self::Mismatch { .. } => false,
        }
    }

    /// Whether the broker refuses the user, or what it has is not what we need: only an
    /// administrator changes that.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::LoginRefused { .. } | Self::VhostRefused { .. } | Self::Mismatch { .. } => true,
            // AMQP has the same code for reserved names, and for queues in exclusive use.
            Self::AccessRefused(refusal) => refusal.detail.contains("refused for user"),
            _ => false,
        }
    }
}

/// Why a message was not, or not certainly, taken over by a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue is bound: the broker returned the message.
    #[error(
        "no queue takes messages of exchange {exchange:?} with routing key {routing_key:?}: declare the topology, or look for who deleted the queue"
    )]
    Unroutable {
        /// The exchange; empty for the default exchange.
        exchange: String,
        /// The routing key; on the default exchange the queue.
        routing_key: String,
    },
    /// The queue could not take it, for example because it is full.
    #[error("the broker refused the message: look at the queue's length and at the broker's log")]
    Refused,
    /// No confirm came in time; the message may have been taken over or not.
    #[error(
        "the broker did not confirm the message within {0:?}: check that it is reachable and raises no memory or disk alarm"
    )]
    TimedOut(Duration),
    /// The connection ended before the confirm; the message may have been taken over or not.
    #[error("the connection to the broker was lost before it confirmed the message ({0})")]
    Disconnected(String),
    /// A name is longer than AMQP allows, so nothing can bear it.
    #[error(
        "the name {name:?} is longer than the 255 bytes that AMQP allows: use a shorter prefix"
    )]
    NameTooLong {
        /// The exchange, routing key or queue.
        name: String,
    },
    /// The publisher was closed.
    #[error("the publisher is closed")]
    Closed,
}

impl PublishError {
    /// Whether the same again may succeed without anyone changing anything. A queue that is gone
    /// comes back if it is one of ours: workers declare it again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unroutable { .. } | Self::Refused | Self::TimedOut(_) | Self::Disconnected(_) => {
                true
            }
            Self::NameTooLong { .. } | Self::Closed => false,
        }
    }
}

/// An acknowledgement could not be sent. The broker delivers the message again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message of {queue:?} was not acknowledged ({reason}); the broker delivers it again")]
pub struct AckError {
    /// The queue.
    pub queue: String,
    /// What happened.
    pub reason: String,
}
