//! The named points of a message's life: where a process may die, and what it has made durable by
//! then. Passing one is a trace event; without a subscriber that asks for it, it costs a load.

use std::fmt;
use std::str::FromStr;

use schemas::State;
use uuid::Uuid;

/// The target of the events. Their fields are `point`, `state` and, as soon as there is one,
/// `execution_id`.
pub const TARGET: &str = "tpvm::point";

/// A point in the life of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A request was read, and nothing done about it.
    RequestReceived,
    /// The ledger has the request's execution, or had it before.
    Accepted,
    /// The broker has the answer to a request; what remains is to acknowledge the request.
    Replied,
    /// A step's message, or a revert's, was read, and nothing done about it.
    Received,
    /// The step is claimed.
    Claimed,
    /// The intent is noted, and its command not yet sent.
    Intended,
    /// The command was accepted by the device or EFA, and nothing written about it.
    Commanded,
    /// The wait is written.
    Waited,
    /// The move and its row of history are written.
    Recorded,
    /// The broker has what follows from a move: the event, and the next step's message if there
    /// is one. The end of an execution is not yet marked as announced.
    Published,
    /// What remains is to acknowledge the step's message.
    Settling,
    /// The due loop took a step, and has not published its message.
    DueTaken,
}

impl Point {
    /// Every point: those of a request, those of a step, that of the due loop, each in the order
    /// of time.
    pub const ALL: [Point; 12] = [
        Point::RequestReceived,
        Point::Accepted,
        Point::Replied,
        Point::Received,
        Point::Claimed,
        Point::Intended,
        Point::Commanded,
        Point::Waited,
        Point::Recorded,
        Point::Published,
        Point::Settling,
        Point::DueTaken,
    ];

    /// The name in the events.
    pub const fn slug(self) -> &'static str {
        match self {
            Point::RequestReceived => "request-received",
            Point::Accepted => "accepted",
            Point::Replied => "replied",
            Point::Received => "received",
            Point::Claimed => "claimed",
            Point::Intended => "intended",
            Point::Commanded => "commanded",
            Point::Waited => "waited",
            Point::Recorded => "recorded",
            Point::Published => "published",
            Point::Settling => "settling",
            Point::DueTaken => "due-taken",
        }
    }

    /// Tells that the process has come here; `state` is the one that the message acts in, or
    /// [`State::WorkflowStarted`] for a request.
    pub(crate) fn passed(self, state: State, execution_id: Option<Uuid>) {
        tracing::trace!(
            target: TARGET,
            point = self.slug(),
            state = state.slug(),
            execution_id = execution_id.map(tracing::field::display),
        );
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// A name that is no point's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no point is called {0:?}")]
pub struct UnknownPoint(String);

impl FromStr for Point {
    type Err = UnknownPoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|point| point.slug() == text);
        found.ok_or_else(|| UnknownPoint(text.to_owned()))
    }
}
