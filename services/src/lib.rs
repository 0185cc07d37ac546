//! Private Postgres and RabbitMQ servers for the demo and the tests: installed if missing,
//! set up in a folder of their own on free ports, and taken away without a trace.
//!
//! - [`Stack`] runs both, for a command that needs them while it works.
//! - [`Postgres`] and [`RabbitMq`] are for tests that stop, kill or wipe a server.
//! - `database` and [`amqp_url`] are for every other test: they use the servers
//!   named in `DATABASE_URL` and `AMQP_URL`, which `cargo xtask test` sets.
//! - [`Sshd`] is an OpenSSH server, for tests that have one as the switch.
//! - [`Proxy`] stands between a program and a server, and fails as a network does.
//!
//! The servers listen on 127.0.0.1 only and ask for no password. Those of the tests speak TLS, with
//! certificates of a [`Certificates`]; those that a test starts by itself don't, so that both are
//! tried.

#[cfg(feature = "database")]
mod database;
mod environment;
mod error;
mod install;
mod ports;
mod postgres;
mod process;
mod proxy;
mod rabbitmq;
mod sshd;
mod stack;
mod tls;

#[cfg(feature = "database")]
pub use database::{Database, database, database_on};
pub use environment::{amqp_url, plain_amqp_url};
pub use error::ServicesError;
pub use install::{install_faketime, install_missing, install_python_client, install_ssh_server};
pub use postgres::{Postgres, Shutdown};
pub use proxy::{Flow, Proxy};
pub use rabbitmq::RabbitMq;
pub use sshd::Sshd;
pub use stack::{Stack, scratch_dir};
pub use tls::Certificates;
