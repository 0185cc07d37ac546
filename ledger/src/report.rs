//! Executions as operators see them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use schemas::values::{ImagePath, Requester};
use schemas::{Case, Outcome, State, Verdict};
use uuid::Uuid;

use crate::execution::Failure;
use crate::facts::Facts;

/// Which executions to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this device.
    pub ip_address: Option<IpAddr>,
    /// Only those that have not ended.
    pub unfinished_only: bool,
    /// At most so many, the newest.
    pub limit: i64,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            ip_address: None,
            unfinished_only: false,
            limit: 100,
        }
    }
}

/// How one execution stands. Times are by Postgres' clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Its id.
    pub id: Uuid,
    /// The request that started it.
    pub request_id: Uuid,
    /// The management address of the switch.
    pub ip_address: IpAddr,
    /// The EFA deployment; `None` for a device that was not registered.
    pub deployment: Option<String>,
    /// The switch's host name, where it is registered.
    pub host_name: Option<String>,
    /// The switch's model, where it is registered with one.
    pub model: Option<String>,
    /// The switch's chassis, where it is registered with one.
    pub chassis_name: Option<String>,
    /// The host that serves the image.
    pub firmware_host: IpAddr,
    /// The image's path on that host.
    pub tpvm_image: ImagePath,
    /// Who asked for it.
    pub requested_by: Requester,
    /// Which of the two upgrades it is; `None` until decided.
    pub case: Option<Case>,
    /// The current state.
    pub state: State,
    /// The number of moves so far, and of the current step.
    pub seq: i32,
    /// The last state that failed.
    pub failed_state: Option<State>,
    /// What is waited for, or what the last step did.
    pub detail: Option<String>,
    /// Why the last state that failed did so.
    pub failure: Option<Failure>,
    /// How it ended; `None` until it has.
    pub verdict: Option<Verdict>,
    /// The TPVM's version before.
    pub from_version: Option<String>,
    /// The TPVM's version wanted.
    pub target_version: Option<String>,
    /// How often in a row the current step was tried again.
    pub attempts: i32,
    /// When the ledger announces the current step by itself; `None` at the end.
    pub wake_at: Option<DateTime<Utc>>,
    /// The worker that last claimed the current step and has neither recorded nor handed it back.
    pub claimed_by: Option<String>,
    /// When the request was accepted.
    pub created_at: DateTime<Utc>,
    /// The last write other than a claim, its renewal or an announcement.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// One move of one execution. Times are by Postgres' clock.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// Its number, from 1 without gaps.
    pub seq: i32,
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// How the state left ended.
    pub outcome: Outcome,
    /// Which of the two upgrades it is, as known after the move.
    pub case: Option<Case>,
    /// What was done.
    pub detail: Option<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What was learnt with the move.
    pub facts: Facts,
    /// How often in a row the step had been tried again.
    pub attempts: i32,
    /// The worker that performed the step; in the first row the requester.
    pub worker: String,
    /// When the state left was entered.
    pub started_at: DateTime<Utc>,
    /// When the move was recorded.
    pub ended_at: DateTime<Utc>,
}

/// How many unfinished executions are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCount {
    /// The state.
    pub state: State,
    /// All that are in it.
    pub unfinished: i64,
    /// Those that nobody holds.
    pub waiting: i64,
    /// Those that a worker holds.
    pub claimed: i64,
    /// The earliest time at which one of them is announced by the ledger; in the past if workers
    /// do not keep up.
    pub oldest_wake_at: DateTime<Utc>,
}
