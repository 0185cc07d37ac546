//! The ledger: every statement that this project sends to Postgres.
//!
//! The ledger alone knows where an upgrade stands. Two rules carry it. *Fencing*: a write names
//! the step and the claim under which it was read, and without a matching row nothing is written.
//! *The ledger never forgets*: every unfinished execution has a time at which the ledger itself
//! announces its step again.

mod claimant;
mod coalesce;
mod connections;
mod db;
mod error;
mod execution;
mod facts;
mod lanes;
mod ledger;
mod report;
mod schema;
mod sql;
mod sql_state;
mod target;
mod url;
mod values;
mod weather;

pub use claimant::{Claimant, Question};
pub use error::LedgerError;
pub use execution::{
    Acceptance, Backlog, Claim, ClaimToken, Due, Failure, Fenced, Found, HeldStep, Postponed,
    Published, StepRef, Transition, Transitioned, Wait,
};
pub use facts::{Baseline, ConfigLines, Facts, FailedLogins, Intent, PeerSeen, Unread};
pub use ledger::{Ledger, LedgerOptions};
pub use report::{Execution, Filter, HistoryRow, StateCount};
pub use target::{InventoryCounts, Target};
pub use url::check_url;
pub use weather::{Sky, StatementName, Weather};
