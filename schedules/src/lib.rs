//! Schedules: the real engine and a real Postgres under every fault that can be thought of, one
//! step at a time and from a seed.
//!
//! A [`Schedule`] is a fleet of EFA deployments, upgrades of it, and faults. Its driver
//! ([`Stage`]) owns time and order: each worker waits at each [`Point`] (before and after each
//! statement, each publish, each call to a device, each acknowledgement) until the driver lets it
//! go on, dies there, or meets a fault. Postgres' clock and the workers' are the driver's. So a
//! seed says everything, and whatever is found can be repeated, shrunk and kept.
//!
//! Real are the engine with its states, the ledger's SQL and Postgres; RabbitMQ and the devices
//! are small models. Not decided by the seed: UUIDs, and what Postgres does inside one statement.
//! One statement runs at a time: what two of them do to each other is for other tests.

mod addresses;
mod bench;
mod courier;
mod database;
mod driver;
mod fleet;
mod generate;
mod laws;
mod plant;
mod point;
mod schedule;
mod shrink;
mod sites;
mod stage;
mod world;

pub use generate::schedule as of_seed;
pub use laws::Violation;
pub use point::{Point, UnknownPoint};
pub use schedule::{End, Fabric, Fault, Request, Schedule, What};
pub use shrink::shrink;
pub use stage::{Counts, Report, Stage};
