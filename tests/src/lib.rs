//! What the end-to-end tests stand on: a world with real Postgres, real RabbitMQ, simulated
//! switches and EFA nodes, and worker processes.
//!
//! `DATABASE_URL` and `AMQP_URL` name the servers; `cargo xtask test` starts private ones. Each
//! world has a database and a prefix on the broker of its own, so tests run side by side.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod process;
mod requests;
mod trap;
mod until;
mod wire;
mod workers;
mod world;

pub use process::{Exit, Process, binary};
pub use trap::{Part, Trap};
pub use until::{patience, until, until_within};
pub use wire::{Wire, reason};
pub use world::{DISRUPTIVE, World};
