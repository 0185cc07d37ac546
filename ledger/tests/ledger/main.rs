//! The ledger against a real Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod accept;
mod backlog;
mod claim;
mod coalesce;
mod constraints;
mod doubt;
mod due;
mod inventory;
mod lifecycle;
mod publish;
mod record;
mod report;
mod silent;
mod support;
mod unanswered;
mod unreadable;
mod weather;
