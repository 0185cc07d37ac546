//! From what an action returned to what is written in the ledger.

use schemas::{Case, Outcome, State, Verdict, next_undecided};

use crate::device::{Efa, Kind, Phase, Version};
use crate::ledger::{Fenced, HeldStep, Id, Transition, Wait};
use crate::rules::{Rule, Rules};
use crate::states::{Performed, Time};
use crate::witness::Foul;
use crate::worker::{Announcement, Stage};
use crate::world::World;

/// How many retries in a row a step has.
const RETRY_ATTEMPTS: u8 = 1;

impl World {
    /// Decides what is written, and writes it. `time` says whether the step's time is over and its
    /// command surely not on its way.
    pub(crate) fn settle(&mut self, rules: Rules, worker: usize, time: Time) -> Option<()> {
        let Stage::Settle(held, performed) = self.stage(worker)? else {
            return None;
        };
        let over = time == Time::Over;
        let exhausted = held.attempts >= RETRY_ATTEMPTS;
        match performed {
            // It is held until its command can't be on its way: a wait would have it run once more.
            Performed::Died => match time {
                Time::Over => self.fail_or_wait(rules, worker, &held, time)?,
                Time::NotYet => return None,
            },
            Performed::Done(_) if over => return None,
            Performed::Done(case) => self.succeed(rules, worker, &held, case),
            Performed::Failed => self.fail_or_wait(rules, worker, &held, time)?,
            Performed::Retry | Performed::NotSent if exhausted => {
                self.fail_or_wait(rules, worker, &held, time)?;
            }
            _ if over && rules.hold(Rule::Deadline) => {
                self.fail_or_wait(rules, worker, &held, time)?;
            }
            _ if over => return None,
            Performed::Waiting { .. }
            | Performed::Retry
            | Performed::NotSent
            | Performed::Unknown => {
                let redeploy_id = matches!(
                    performed,
                    Performed::Waiting {
                        redeploy_id: true,
                        ..
                    }
                );
                let written = matches!(
                    performed,
                    Performed::Waiting { written: true, .. } | Performed::Unknown
                );
                let wait = Wait {
                    redeploy_id,
                    written,
                    counts_as_attempt: matches!(performed, Performed::Retry | Performed::NotSent),
                };
                self.wait(rules, worker, &held, wait);
            }
        }
        Some(())
    }

    /// A failure is written once the step's command can't be on its way any more; until then the
    /// step waits.
    fn fail_or_wait(
        &mut self,
        rules: Rules,
        worker: usize,
        held: &HeldStep,
        settled: Time,
    ) -> Option<()> {
        let rule = rules.hold(Rule::FailWhenSettled);
        let kind = Kind::of(held.state).filter(|_| rule);
        match settled {
            Time::Over if kind.is_none_or(|kind| self.settled(rules, held.id, kind)) => {
                self.fail(rules, worker, held);
            }
            Time::NotYet if kind.is_some_and(|kind| self.noted(held.id, kind)) => {
                self.wait(rules, worker, held, Wait::default());
            }
            // It is not settled, or nothing was ever noted.
            _ => return None,
        }
        Some(())
    }

    /// Whether the ledger has an intent of this kind.
    fn noted(&self, id: Id, kind: Kind) -> bool {
        self.ledger.executions[id].intents[kind as usize].is_some()
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

    fn wait(&mut self, rules: Rules, worker: usize, held: &HeldStep, wait: Wait) {
        let fenced = self.ledger.wait(rules, held, wait);
        self.judge_write(fenced);
        self.go_on(worker, Stage::Ack);
    }

    /// A good end needs a good device.
    fn judge_verdict(&mut self, id: Id) {
        let row = &self.ledger.executions[id];
        let site = &self.sites[row.deployment];
        let well = match row.verdict {
            Some(Verdict::Succeeded) => site.version == Version::New && site.efa == Efa::Up,
            Some(Verdict::Reverted) => site.version == Version::Old,
            _ => return,
        };
        if !well || site.phase != Phase::Running {
            self.foul(Foul::FalseVerdict);
        }
    }
}
