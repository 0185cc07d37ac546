//! An execution: one upgrade on its way, as callers see it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemas::{Case, Event, Outcome, Revert, State, Step, UpgradeRequest, Verdict};
use uuid::Uuid;

use crate::facts::Facts;

/// One step of one execution, as a message names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepRef {
    /// The execution.
    pub execution_id: Uuid,
    /// The number of the step, from 1.
    pub seq: i32,
    /// The state to act in.
    pub state: State,
}

impl From<&Step> for StepRef {
    fn from(step: &Step) -> Self {
        Self {
            execution_id: step.execution_id,
            seq: step.seq,
            state: step.state,
        }
    }
}

impl From<&Revert> for StepRef {
    fn from(revert: &Revert) -> Self {
        Self {
            execution_id: revert.execution_id,
            seq: revert.seq,
            state: State::TpvmRevert,
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It has an execution. A fresh one is followed by publishing [`Ledger::transition`] 1.
    ///
    /// [`Ledger::transition`]: crate::Ledger::transition
    Accepted {
        /// The execution.
        execution_id: Uuid,
        /// The same request had been accepted before; that execution may have ended.
        duplicate: bool,
    },
    /// Another upgrade of the same EFA deployment has not finished.
    Busy {
        /// That other execution.
        running: Uuid,
    },
    /// The request id was used before, for a different request.
    RequestIdReused {
        /// The execution of that other request.
        execution_id: Uuid,
    },
}

/// What became of an attempt to claim a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The step is the caller's, until the time asked for has passed without a renewal.
    Held(Box<HeldStep>),
    /// The ledger is past the step: the message is an old one.
    Behind(Found),
    /// The step is one that the ledger has not reached, or in another state than the ledger's:
    /// the message does not come from this ledger.
    Ahead(Found),
    /// Somebody else holds the step.
    Busy {
        /// When their claim ends unless they renew it, by Postgres' clock.
        until: DateTime<Utc>,
    },
    /// There is no such execution.
    Missing,
    /// The step is the caller's, as with [`Claim::Held`], but its row holds what this program
    /// can't read. All that can be done is [`Ledger::postpone`].
    ///
    /// [`Ledger::postpone`]: crate::Ledger::postpone
    Unreadable {
        /// Proof of the claim.
        token: ClaimToken,
        /// The execution, the column, what is wrong with it and what to do, for people.
        problem: String,
    },
}

/// Where the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number of the current step.
    pub seq: i32,
    /// The current state.
    pub state: State,
}

/// Whether a write under a claim took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fenced {
    /// It did.
    Done,
    /// It did not: the claim was lost, or the step is over.
    Stale,
}

/// Proof of a claim: every write of the holder names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimToken {
    /// The execution.
    pub execution_id: Uuid,
    /// The number of the claimed step.
    pub seq: i32,
    /// New for each claim.
    pub token: Uuid,
}

/// A claimed step with everything that the ledger knows about it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldStep {
    /// Proof of the claim.
    pub token: ClaimToken,
    /// What was asked for.
    pub request: UpgradeRequest,
    /// The state to act in.
    pub state: State,
    /// Which of the two upgrades it is; `None` until decided.
    pub case: Option<Case>,
    /// What has been learnt so far.
    pub facts: Facts,
    /// The state that failed earlier: known while reverting.
    pub failed_state: Option<State>,
    /// Why that state failed.
    pub failure: Option<Failure>,
    /// How often in a row this step has been tried before, by [`Wait::counts_as_attempt`].
    pub attempts: i32,
    /// How many workers in a row have claimed this step and died without a result.
    pub deaths: i32,
    /// When the execution entered the state, by Postgres' clock.
    pub started_at: DateTime<Utc>,
    /// Postgres' clock at the claim.
    pub now: DateTime<Utc>,
    /// The EFA deployment of the device when the request was accepted. Without one the device was
    /// not registered then, and no other upgrade of the deployment is kept from running.
    pub deployment: Option<String>,
}

/// Why something failed, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub cause: String,
    /// What to do next.
    pub remedy: String,
}

/// The end of a step: a move along one arrow of the workflow. Texts are kept up to 4,000
/// characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// How the state ended.
    pub outcome: Outcome,
    /// The state that follows.
    pub to: State,
    /// The case, where this step decided it.
    pub case: Option<Case>,
    /// What was learnt in this step.
    pub facts: Facts,
    /// What was done, on success.
    pub detail: Option<String>,
    /// Why the state failed. `None` leaves an earlier state's failure in place.
    pub failure: Option<Failure>,
    /// The state that failed. `None` leaves an earlier one in place.
    pub failed_state: Option<State>,
    /// How the execution ended: exactly with [`State::WorkflowFinished`].
    pub verdict: Option<Verdict>,
    /// When the ledger announces the next step by itself, should the caller not get round to it.
    pub wake_after: Duration,
}

/// The step is to be looked at again later. Nobody holds it meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// When.
    pub after: Duration,
    /// What is waited for, for people; kept up to 4,000 characters.
    pub why: String,
    /// What was learnt.
    pub facts: Facts,
    /// It is a retry, of which a step has a limited number in a row; a poll starts them anew.
    pub counts_as_attempt: bool,
}

/// What became of putting a step off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postponed {
    /// It is put off, for this reason for the first time.
    First,
    /// It is put off once more, for the same reason.
    Again,
    /// The claim was lost, or the step is over.
    Stale,
}

/// A step whose time has come: its message is to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The step.
    pub step: StepRef,
    /// How often it was due without having been claimed, with this time: from 1.
    pub copies: i32,
    /// Somebody has claimed the step since it began, so its message got through. Otherwise the
    /// change that led to it may never have been announced.
    pub taken_up: bool,
    /// The state that failed: a revert's message names it.
    pub failed_state: Option<State>,
}

/// The events of an execution that could not be published, to be tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// The execution.
    pub execution_id: Uuid,
    /// The first event that is not known to be published.
    pub from: i32,
    /// The last event that was sent at least once.
    pub sent_to: i32,
    /// For how long the first event could not be published, in seconds.
    pub failing_for: f64,
}

/// What became of an attempt to publish a backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The last event that was confirmed in an unbroken row; the one before the first if none was.
    pub confirmed_to: i32,
    /// The last event that was sent.
    pub sent_to: i32,
    /// An event was not confirmed.
    pub refused: bool,
}

/// A recorded move with all that is to be published about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transitioned {
    /// The event.
    pub event: Event,
    /// The step that follows; `None` at the end.
    pub next: Option<StepRef>,
    /// The state that failed: a revert's message names it.
    pub failed_state: Option<State>,
    /// Its event has to wait for earlier ones, which could not be published: the loop publishes
    /// them all.
    pub backlogged: bool,
}
