//! The real `tpvm-upgrade` against a real Postgres and a real RabbitMQ, named by `DATABASE_URL`
//! and `AMQP_URL`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "cli/arguments.rs"]
mod arguments;
#[path = "cli/connections.rs"]
mod connections;
#[path = "cli/dead_letters.rs"]
mod dead_letters;
#[path = "cli/dead_letters_changed.rs"]
mod dead_letters_changed;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/execute.rs"]
mod execute;
#[path = "cli/history.rs"]
mod history;
#[path = "cli/inventory.rs"]
mod inventory;
#[path = "cli/letters.rs"]
mod letters;
#[path = "cli/reach.rs"]
mod reach;
#[path = "cli/responder.rs"]
mod responder;
#[path = "cli/show.rs"]
mod show;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/upgrade.rs"]
mod upgrade;
#[path = "cli/watch.rs"]
mod watch;
#[path = "cli/widths.rs"]
mod widths;
