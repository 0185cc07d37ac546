//! The ledger: one row for each execution, and its fenced writes. The functions have the names of
//! those in `ledger/src/sql/`, and each is one atomic step, as each is one statement there.
//!
//! There are no times. `wake_at` is set or not; a claim runs out when the model says so; whoever
//! asks whether a deadline is over gets either answer.

mod rows;

use schemas::{Case, Outcome, State, Verdict};

use crate::device::Kind;
use crate::rules::{Rule, Rules};
use crate::states::MAX_DEATHS;

pub use rows::{Execution, HeldBy, Intent, Move};

/// An index into [`Ledger::executions`].
pub type Id = usize;
/// What tells one claim from another. The smallest number that nobody remembers: tokens are only
/// compared.
pub type Token = u8;

/// All executions, in the order of their acceptance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// The rows.
    pub executions: Vec<Execution>,
}

/// What a claim gives: the step as it stands, read with the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldStep {
    /// The execution.
    pub id: Id,
    /// The token to write under.
    pub token: Token,
    /// The step's number.
    pub seq: u8,
    /// The state to act in.
    pub state: State,
    /// The case, if it is known.
    pub case: Option<Case>,
    /// The intent of this state's command.
    pub intent: Option<Intent>,
    /// EFA's answer to the redeploy is known.
    pub redeploy_id: bool,
    /// An upgrade or an installation was begun.
    pub touched: bool,
    /// How often in a row the step was tried again.
    pub attempts: u8,
    /// As many workers in a row as may have died at it.
    pub deadly: bool,
    /// The worker's notion of the time is behind Postgres', since it stood still between the
    /// claim and its answer.
    pub late: bool,
}

/// What became of the attempt to claim a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours.
    Held(HeldStep),
    /// The ledger is further on, at this step.
    Behind(u8),
    /// The ledger is not that far.
    Ahead,
    /// Somebody holds it.
    Busy,
    /// There is no such execution.
    Missing,
}

/// What became of a fenced write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// It is written.
    Done,
    /// It is written, though somebody else holds the step. Only without fencing.
    Foul,
    /// The step is not ours any more.
    Stale,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is carried out by this execution, which may have been there before.
    Accepted {
        /// The execution.
        id: Id,
        /// It was there before.
        duplicate: bool,
    },
    /// Another upgrade of the deployment has not ended.
    Busy,
}

/// Where an execution goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// How the state ended.
    pub outcome: Outcome,
    /// The next state.
    pub to: State,
    /// The case, where this step decided it.
    pub case: Option<Case>,
    /// How the execution ended, if it did.
    pub verdict: Option<Verdict>,
}

/// Why a step goes on later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// EFA has answered the redeploy.
    pub redeploy_id: bool,
    /// The step's command was written, with an answer or without.
    pub written: bool,
    /// It counts towards the bound on retries.
    pub counts_as_attempt: bool,
}

impl Ledger {
    /// Turns a request into an execution and its first row of history: one statement.
    pub fn accept(&mut self, rules: Rules, request: usize, deployment: usize) -> Acceptance {
        let known = self
            .executions
            .iter()
            .position(|row| row.request == request);
        if let Some(id) = known.filter(|_| rules.hold(Rule::RequestIdOnce)) {
            let duplicate = true;
            return Acceptance::Accepted { id, duplicate };
        }
        let rival = |row: &Execution| row.deployment == deployment && row.verdict.is_none();
        if rules.hold(Rule::OneUnfinished) && self.executions.iter().any(rival) {
            return Acceptance::Busy;
        }
        let first = Move {
            seq: 1,
            from: State::WorkflowStarted,
            to: State::DeviceValidation,
            outcome: Outcome::Success,
        };
        self.executions.push(Execution {
            request,
            deployment,
            seq: first.seq,
            state: first.to,
            case: None,
            verdict: None,
            intents: [None; Kind::COUNT],
            redeploy_id: false,
            attempts: 0,
            deaths: 0,
            wake_at: rules.hold(Rule::WakeOnAccept),
            claim: None,
            taken_up: false,
            end_announced: false,
            backlog: None,
            history: vec![first],
        });
        Acceptance::Accepted {
            id: self.executions.len() - 1,
            duplicate: false,
        }
    }

    /// Takes a step for a limited time.
    pub fn claim(&mut self, rules: Rules, id: Id, seq: u8, state: State, fresh: Token) -> Claim {
        let Some(row) = self.executions.get_mut(id) else {
            return Claim::Missing;
        };
        let asked = !rules.hold(Rule::ClaimByStep) || (row.seq == seq && row.state == state);
        let excluded =
            rules.hold(Rule::ClaimsExclude) && row.claim.is_some_and(|held| !held.ran_out);
        if asked && row.verdict.is_none() && !excluded {
            row.claim = Some(HeldBy {
                token: fresh,
                ran_out: false,
            });
            row.wake_at = rules.hold(Rule::WakeOnClaim);
            row.taken_up = true;
            let state = if rules.hold(Rule::ClaimByStep) {
                row.state
            } else {
                state
            };
            let intent = |kind: Kind| row.intents[kind as usize];
            return Claim::Held(HeldStep {
                id,
                token: fresh,
                seq: row.seq,
                state,
                case: row.case,
                intent: Kind::of(state).and_then(intent),
                redeploy_id: row.redeploy_id,
                touched: [Kind::Upgrade, Kind::Install]
                    .into_iter()
                    .any(|kind| intent(kind).is_some_and(|intent| intent.sends > 0)),
                attempts: row.attempts,
                deadly: row.deaths >= MAX_DEATHS,
                late: false,
            });
        }
        if row.seq > seq || row.verdict.is_some() {
            Claim::Behind(row.seq)
        } else if row.seq < seq || row.state != state {
            Claim::Ahead
        } else {
            Claim::Busy
        }
    }

    /// Notes an intent under a claim, and makes the claim last longer.
    pub fn note(&mut self, rules: Rules, held: &HeldStep, kind: Kind, intent: Intent) -> Fenced {
        self.fenced(rules, held, |row| {
            row.intents[kind as usize] = Some(intent);
            if let Some(claim) = &mut row.claim {
                claim.ran_out = false;
                row.wake_at = rules.hold(Rule::WakeOnClaim);
            }
        })
    }

    /// Moves an execution along the workflow, with its row of history.
    pub fn record(&mut self, rules: Rules, held: &HeldStep, transition: Transition) -> Fenced {
        self.fenced(rules, held, |row| {
            row.history.push(Move {
                seq: row.seq + 1,
                from: row.state,
                to: transition.to,
                outcome: transition.outcome,
            });
            row.seq += 1;
            row.state = transition.to;
            row.case = transition.case.or(row.case);
            row.attempts = 0;
            row.deaths = 0;
            row.wake_at = transition.verdict.is_none() && rules.hold(Rule::WakeOnRecord);
            row.claim = None;
            row.taken_up = false;
            row.verdict = transition.verdict;
        })
    }

    /// Hands a step back until a later time.
    pub fn wait(&mut self, rules: Rules, held: &HeldStep, wait: Wait) -> Fenced {
        self.fenced(rules, held, |row| {
            row.wake_at = rules.hold(Rule::WakeOnWait);
            row.claim = None;
            row.deaths = 0;
            row.redeploy_id |= wait.redeploy_id;
            if wait.written
                && let Some(kind) = Kind::of(row.state)
                && let Some(intent) = &mut row.intents[kind as usize]
            {
                intent.written += 1;
            }
            row.attempts = if wait.counts_as_attempt {
                row.attempts + 1
            } else {
                0
            };
        })
    }

    /// A worker died that holds a step. In the ledger this is a claim that came to nothing; who
    /// outlives its claim says so, and does not count.
    pub fn count_death(&mut self, held: &HeldStep) {
        let row = &mut self.executions[held.id];
        if row.seq == held.seq && row.claim.is_some_and(|claim| claim.token == held.token) {
            row.deaths = MAX_DEATHS.min(row.deaths + 1);
        }
    }

    /// Notes that the event of an end was confirmed.
    pub fn end_announced(&mut self, id: Id) {
        self.executions[id].end_announced = true;
    }

    /// An event was refused: it begins the backlog, or is part of one.
    pub fn defer_events(&mut self, id: Id, seq: u8) {
        let backlog = &mut self.executions[id].backlog;
        *backlog = Some(backlog.map_or(seq, |first| first.min(seq)));
    }

    /// All events of a backlog were confirmed; with the last one the end is announced.
    pub fn events_published(&mut self, id: Id) {
        let row = &mut self.executions[id];
        row.backlog = None;
        row.end_announced |= row.verdict.is_some();
    }

    /// The steps whose time has come. A step that is held has its time at the claim's end.
    pub fn due(&self) -> impl Iterator<Item = (Id, &Execution)> {
        self.executions.iter().enumerate().filter(|(_, row)| {
            row.verdict.is_none() && row.wake_at && row.claim.is_none_or(|held| held.ran_out)
        })
    }

    /// The ends that nobody has announced.
    pub fn unannounced_ends(&self) -> impl Iterator<Item = Id> {
        let unannounced =
            |row: &Execution| row.verdict.is_some() && !row.end_announced && row.backlog.is_none();
        (0..self.executions.len()).filter(move |id| unannounced(&self.executions[*id]))
    }

    fn fenced(
        &mut self,
        rules: Rules,
        held: &HeldStep,
        write: impl FnOnce(&mut Execution),
    ) -> Fenced {
        let row = &mut self.executions[held.id];
        let ours = row.seq == held.seq && row.claim.is_some_and(|claim| claim.token == held.token);
        let seq = row.seq == held.seq || !rules.hold(Rule::FenceBySeq);
        let token = row.claim.is_some_and(|claim| claim.token == held.token)
            || !rules.hold(Rule::FenceByToken);
        if !seq || !token || row.verdict.is_some() {
            return Fenced::Stale;
        }
        write(row);
        if ours { Fenced::Done } else { Fenced::Foul }
    }
}
