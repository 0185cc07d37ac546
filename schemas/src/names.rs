//! The names of exchanges, queues, routing keys and headers. One prefix lets several independent
//! installations share a broker.

use crate::workflow::State;

/// The reason why a message was set aside, in words: a header of each message in the dead letters.
pub const HEADER_REASON: &str = "x-reason";
/// The queue that a message in the dead letters came from: a header.
pub const HEADER_SOURCE_QUEUE: &str = "x-source-queue";
/// What to do about a message that was set aside, in words: a header.
pub const HEADER_REMEDY: &str = "x-remedy";
/// When a message was set aside, an AMQP timestamp (seconds since 1970): a header.
pub const HEADER_SET_ASIDE_AT: &str = "x-set-aside-at";
/// The name of the worker that set a message aside: a header.
pub const HEADER_SET_ASIDE_BY: &str = "x-set-aside-by";
/// The W3C trace context of the work that published a message: a header.
pub const HEADER_TRACEPARENT: &str = "traceparent";

/// How often a work queue delivers one message before it goes to the dead letters, unless an
/// installation sets another number.
pub const DEFAULT_DELIVERY_LIMIT: u32 = 20;

/// As [`DEFAULT_DELIVERY_LIMIT`], for the queue of requests. A request in the dead letters is a
/// request without an answer, and nothing brings it back, as the ledger does a step. So this is a
/// limit that no outage reaches, however often workers are started and stopped meanwhile; it only
/// ends what would crash workers for ever.
pub const REQUEST_DELIVERY_LIMIT: u32 = 1000;

/// Every name on the broker, derived from one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Default for Names {
    fn default() -> Self {
        Self::new("tpvm-upgrade")
    }
}

impl Names {
    /// Routing key of upgrade requests.
    pub const REQUEST_KEY: &'static str = "request";
    /// Routing key of revert messages.
    pub const REVERT_KEY: &'static str = "revert";
    /// Routing key, on the events exchange, of answers that could not go to a reply queue.
    pub const REPLY_KEY: &'static str = "reply";

    /// All names that start with `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// The direct exchange for requests, steps and reverts.
    pub fn commands_exchange(&self) -> String {
        self.prefix.clone()
    }

    /// The topic exchange for events.
    pub fn events_exchange(&self) -> String {
        format!("{}.events", self.prefix)
    }

    /// The fanout exchange that leads to the dead letters.
    pub fn dead_letter_exchange(&self) -> String {
        format!("{}.dead-letters", self.prefix)
    }

    /// The queue of upgrade requests.
    pub fn request_queue(&self) -> String {
        format!("{}.requests", self.prefix)
    }

    /// The queue of dead letters.
    pub fn dead_letter_queue(&self) -> String {
        format!("{}.dead-letters", self.prefix)
    }

    /// An empty queue that is consumed by whoever is looking at the dead letters, for as long as
    /// that takes: two at once would hide letters from each other.
    pub fn dead_letter_lock(&self) -> String {
        format!("{}.dead-letters.lock", self.prefix)
    }

    /// The queue of a state's messages. Reverts have one of their own; the first and the last
    /// state have none, since nobody acts in them.
    pub fn state_queue(&self, state: State) -> Option<String> {
        match state {
            State::WorkflowStarted | State::WorkflowFinished => None,
            State::TpvmRevert => Some(format!("{}.revert", self.prefix)),
            _ => Some(format!("{}.step.{}", self.prefix, state.slug())),
        }
    }

    /// The routing key of a state's messages, on the commands exchange.
    pub fn state_key(state: State) -> Option<String> {
        match state {
            State::WorkflowStarted | State::WorkflowFinished => None,
            State::TpvmRevert => Some(Self::REVERT_KEY.to_owned()),
            _ => Some(format!("step.{}", state.slug())),
        }
    }

    /// The routing key of an event: `event.<state>`, on the events exchange. The end of an
    /// upgrade is `event.workflow-finished`.
    pub fn event_key(state: State) -> String {
        format!("event.{}", state.slug())
    }
}
