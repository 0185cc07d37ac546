//! What the ledger keeps of each upgrade.

use schemas::{Case, Outcome, State, Verdict};

use super::Token;
use crate::device::{Baseline, Kind};

/// One upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Execution {
    /// Which request it carries out.
    pub request: usize,
    /// The deployment, and so the device.
    pub deployment: usize,
    /// Number of moves so far.
    pub seq: u8,
    /// The current state.
    pub state: State,
    /// Which upgrade it is, once that is known.
    pub case: Option<Case>,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// What was noted before each kind of command.
    pub intents: [Option<Intent>; Kind::COUNT],
    /// EFA's answer to the redeploy is known.
    pub redeploy_id: bool,
    /// How often in a row the step was tried again.
    pub attempts: u8,
    /// How many workers in a row died while they held the step.
    pub deaths: u8,
    /// Whether the ledger has a time at which it announces the step again.
    pub wake_at: bool,
    /// Who holds the step.
    pub claim: Option<HeldBy>,
    /// Whether anybody has claimed the step since it began.
    pub taken_up: bool,
    /// The event of the end was confirmed.
    pub end_announced: bool,
    /// The first event that a queue refused: it and all later ones are left to the ledger's loop.
    pub backlog: Option<u8>,
    /// Each move.
    pub history: Vec<Move>,
}

/// The claim on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldBy {
    /// Its token: valid after the claim's end, until someone else claims the step.
    pub token: Token,
    /// Its time is over.
    pub ran_out: bool,
}

/// A command is about to be sent, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Intent {
    /// How many there were with this one, without those that were withdrawn.
    pub sends: u8,
    /// How many of them are known to have been written to the device.
    pub written: u8,
    /// What could be seen just before.
    pub baseline: Baseline,
}

/// One row of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move {
    /// Its number.
    pub seq: u8,
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// How the state left ended.
    pub outcome: Outcome,
}
