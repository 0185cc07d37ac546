//! From what an action returned to what is written in the ledger.

use schemas::{Case, Outcome, State, Verdict, next_undecided};

use crate::device::{Kind, Phase, Version};
use crate::ledger::{Fenced, HeldStep, Id, Transition, Wait};
use crate::rules::{Rule, Rules};
use crate::states::{Performed, Time};
use crate::witness::Foul;
use crate::worker::{Announcement, Stage};
use crate::world::World;

/// How many retries in a row a step has.
const RETRY_ATTEMPTS: u8 = 1;

impl World {
    /// Decides what is written, and writes it.
    pub(crate) fn settle(&mut self, rules: Rules, worker: usize, time: Time) -> Option<()> {
        let Stage::Settle(held, performed) = self.stage(worker)? else {
            return None;
        };
        let over = time == Time::Over;
        let settled = !rules.hold(Rule::FailWhenSettled)
            || Kind::of(held.state).is_none_or(|kind| self.settled(rules, held.id, kind));
        let may_end = over && rules.hold(Rule::Deadline) && settled;
        let exhausted = held.attempts >= RETRY_ATTEMPTS;
        let noted = self.noted(&held);
        match performed {
            Performed::Done(case) if !over => self.succeed(rules, worker, &held, case),
            Performed::Done(_) => return None,
            Performed::Failed if over && settled => self.fail(rules, worker, &held),
            // Without a command there is nothing to wait for.
            Performed::Failed if !over && noted && rules.hold(Rule::FailWhenSettled) => {
                self.wait(rules, worker, &held, false, false);
            }
            Performed::Retry | Performed::NotSent if !over && !exhausted => {
                self.wait(rules, worker, &held, false, true);
            }
            Performed::Retry | Performed::NotSent if over && exhausted && settled => {
                self.fail(rules, worker, &held)
            }
            Performed::Retry | Performed::NotSent
                if !over && noted && rules.hold(Rule::FailWhenSettled) =>
            {
                self.wait(rules, worker, &held, false, false);
            }
            Performed::Waiting { redeploy_id } if !over => {
                self.wait(rules, worker, &held, redeploy_id, false);
            }
            Performed::Unknown if !over => self.wait(rules, worker, &held, false, false),
            Performed::Waiting { .. }
            | Performed::Retry
            | Performed::NotSent
            | Performed::Unknown
                if may_end =>
            {
                self.fail(rules, worker, &held);
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether an intent of the step's command is in the ledger.
    fn noted(&self, held: &HeldStep) -> bool {
        let intents = &self.ledger.executions[held.id].intents;
        Kind::of(held.state).is_some_and(|kind| intents[kind as usize].is_some())
    }

    fn succeed(&mut self, rules: Rules, worker: usize, held: &HeldStep, case: Option<Case>) {
        let Ok(to) = next_undecided(held.state, case.or(held.case), Outcome::Success) else {
            return self.foul(Foul::LeftTheTable);
        };
        let verdict = (to == State::WorkflowFinished).then_some(match held.state {
            State::TpvmRevert => Verdict::Reverted,
            _ => Verdict::Succeeded,
        });
        let transition = Transition {
            outcome: Outcome::Success,
            to,
            case,
            verdict,
        };
        self.record(rules, worker, held, transition);
    }

    fn fail(&mut self, rules: Rules, worker: usize, held: &HeldStep) {
        let Ok(to) = next_undecided(held.state, held.case, Outcome::Failure) else {
            return self.foul(Foul::LeftTheTable);
        };
        let verdict = (to == State::WorkflowFinished).then_some(match held.state {
            State::TpvmRevert => Verdict::RevertFailed,
            _ => Verdict::Failed,
        });
        let transition = Transition {
            outcome: Outcome::Failure,
            to,
            case: None,
            verdict,
        };
        self.record(rules, worker, held, transition);
    }

    /// A step that was recorded before, by this worker or another, may not be announced.
    fn record(&mut self, rules: Rules, worker: usize, held: &HeldStep, transition: Transition) {
        let HeldStep { id, seq, .. } = *held;
        if !rules.hold(Rule::RecordFirst) {
            self.tell(id, seq + 1);
        }
        let fenced = self.ledger.record(rules, held, transition);
        self.judge_write(fenced);
        if fenced != Fenced::Stale {
            self.judge_verdict(id);
        }
        let told = Announcement { id, seq: seq + 1 };
        self.go_on(worker, Stage::Announce(told));
    }

    fn wait(
        &mut self,
        rules: Rules,
        worker: usize,
        held: &HeldStep,
        redeploy_id: bool,
        counts: bool,
    ) {
        let wait = Wait {
            redeploy_id,
            counts_as_attempt: counts,
        };
        let fenced = self.ledger.wait(rules, held, wait);
        self.judge_write(fenced);
        self.go_on(worker, Stage::Ack);
    }

    /// A good end needs a good device.
    fn judge_verdict(&mut self, id: Id) {
        let row = &self.ledger.executions[id];
        let site = &self.sites[row.deployment];
        let well = match row.verdict {
            Some(Verdict::Succeeded) => site.version == Version::New,
            Some(Verdict::Reverted) => site.version == Version::Old,
            _ => return,
        };
        if !well || site.phase != Phase::Running {
            self.foul(Foul::FalseVerdict);
        }
    }
}
