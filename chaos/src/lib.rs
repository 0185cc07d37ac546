//! Chaos on the real thing: worker processes, a RabbitMQ and a Postgres of their own, hundreds of
//! simulated EFA deployments, thousands of upgrades of all kinds; and a monkey.
//!
//! [`run`] starts everything (`site.rs`), asks for the upgrades as EFA does (`upgrades.rs`,
//! `requests.rs`), lets the monkey loose (`monkey/`), and afterwards checks what the system
//! promises (`checks.rs`) and tells how it went (`report.rs`).
//!
//! A seed decides which upgrades are asked for at which deployment in which order, and which
//! faults are made in which order with which victims and durations. It does not decide what a
//! fault meets: that is a matter of time, so a violation may need several runs to be seen again.
#![expect(
    clippy::print_stdout,
    reason = "the command talks to a person on a terminal"
)]

mod checks;
mod garbage;
mod listeners;
mod monkey;
mod options;
mod records;
mod report;
mod requests;
mod run;
mod site;
mod upgrades;
mod vitals;
mod workers;

pub use options::Options;
pub use run::run;
