//! The points that work passes, and at which something may go wrong.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

/// The statements of the ledger that workers send, by the source file that holds them.
const STATEMENTS: [&str; 15] = [
    "accept",
    "backlog",
    "claim",
    "due",
    "efa_db",
    "end_announced",
    "executions",
    "firmware_host",
    "inventory",
    "note",
    "outlived",
    "record",
    "renew",
    "transitions",
    "wait",
];
/// The messages that are published, by their AMQP type.
const MESSAGES: [&str; 4] = ["revert", "step", "upgrade-event", "upgrade-reply"];
/// The messages that are handled, by their AMQP type.
const HANDLED: [&str; 3] = ["revert", "step", "upgrade-request"];
/// The calls to a switch and to EFA, by the names that errors give them.
const CALLS: [&str; 16] = [
    "connect",
    "slx_version",
    "tpvm_status",
    "tpvm_version",
    "tpvm_addresses",
    "tpvm_snapshot",
    "running_config",
    "configure",
    "trusted_peer",
    "deploy",
    "upgrade",
    "revert",
    "efa nodes",
    "efa deployment",
    "efa redeploy",
    "efa redeploy_status",
];

/// A point: work waits here until the driver of the schedule lets it go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// A statement is about to be sent.
    Before(&'static str),
    /// A statement has taken effect; its answer is on the way.
    After(&'static str),
    /// A message is about to be published.
    Publish(&'static str),
    /// A message is handled, and about to be acknowledged.
    Settle(&'static str),
    /// A call to a switch or to EFA is about to be sent.
    Call(&'static str),
}

impl Point {
    /// Every point.
    pub fn all() -> Vec<Point> {
        let statements = STATEMENTS
            .into_iter()
            .flat_map(|name| [Point::Before(name), Point::After(name)]);
        statements
            .chain(MESSAGES.map(Point::Publish))
            .chain(HANDLED.map(Point::Settle))
            .chain(CALLS.map(Point::Call))
            .collect()
    }

    /// Whether the call begins something on a device that can't be taken back.
    pub fn is_command(self) -> bool {
        matches!(
            self,
            Point::Call("deploy" | "upgrade" | "revert" | "efa redeploy")
        )
    }

    /// Whether the statement is only for the holder of a step.
    pub(crate) fn is_holders(self) -> bool {
        matches!(self, Point::Before("note" | "record" | "renew" | "wait"))
    }

    /// Whether the call changes a device.
    pub fn is_change(self) -> bool {
        self.is_command() || matches!(self, Point::Call("configure" | "trusted_peer"))
    }

    /// The one of a kind whose name is `name`; a name that is not listed ends the schedule.
    pub(crate) fn named(kind: fn(&'static str) -> Point, name: &str) -> Option<Point> {
        Point::all().into_iter().find(|point| match point {
            Point::Before(known)
            | Point::After(known)
            | Point::Publish(known)
            | Point::Settle(known)
            | Point::Call(known) => *known == name && *point == kind(known),
        })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Before(name) => write!(f, "before {name}"),
            Point::After(name) => write!(f, "after {name}"),
            Point::Publish(name) => write!(f, "publish {name}"),
            Point::Settle(name) => write!(f, "settle {name}"),
            Point::Call(name) => write!(f, "call {name}"),
        }
    }
}

/// A text that names no point.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no point of a schedule")]
pub struct UnknownPoint(String);

impl FromStr for Point {
    type Err = UnknownPoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Point::all()
            .into_iter()
            .find(|point| point.to_string() == text)
            .ok_or_else(|| UnknownPoint(text.to_owned()))
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
