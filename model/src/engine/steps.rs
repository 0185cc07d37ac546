//! Steps and reverts: claimed, looked at, commanded.

use crate::courier::Message;
use crate::device::{Command, Kind};
use crate::ledger::{Claim, Fenced, Intent};
use crate::rules::{Rule, Rules};
use crate::states::{self, Next, Performed, Seen, Status, Time};
use crate::witness::Foul;
use crate::worker::{Announcement, Stage, Window};
use crate::world::World;

impl World {
    /// Claims the step, or finds out why not.
    pub(crate) fn carry_out(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Message::Step { id, seq, .. } = self.workers[worker]?.message else {
            return None;
        };
        let stage = match self.claim(rules, worker)? {
            Claim::Held(held) if held.deadly && rules.hold(Rule::MaxDeaths) => {
                Stage::Settle(held, Performed::Died)
            }
            Claim::Held(held) => Stage::Perform(held),
            Claim::Behind(found) if found == seq + 1 => {
                Stage::Announce(Announcement { id, seq: found })
            }
            Claim::Behind(_) | Claim::Busy => Stage::Ack,
            Claim::Ahead | Claim::Missing => {
                self.foul(Foul::SetAside);
                Stage::Ack
            }
        };
        self.go_on(worker, stage);
        Some(())
    }

    /// Claims the step that a message names.
    pub(crate) fn claim(&mut self, rules: Rules, worker: usize) -> Option<Claim> {
        let Message::Step { id, seq, state } = self.workers[worker]?.message else {
            return None;
        };
        let fresh = self.fresh_token();
        Some(self.ledger.claim(rules, id, seq, state, fresh))
    }

    /// Whether a step that was recorded before is announced again is a matter of taste: the
    /// ledger's loop would do it.
    pub(crate) fn drop_old(&mut self, worker: usize) -> Option<()> {
        let Message::Step { id, seq, .. } = self.workers[worker]?.message else {
            return None;
        };
        if self.ledger.executions[id].seq != seq + 1 {
            return None;
        }
        self.go_on(worker, Stage::Ack);
        Some(())
    }

    /// The action begins: the first part of a look, or all of a state without a command.
    pub(crate) fn perform(&mut self, worker: usize) -> Option<()> {
        let Stage::Perform(held) = self.stage(worker)? else {
            return None;
        };
        if held.deadly {
            self.foul(Foul::RunAfterDeaths);
        }
        let site = &self.sites[self.ledger.executions[held.id].deployment];
        let stage = if Kind::of(held.state).is_some() {
            Stage::Observe(held, Status::of(site))
        } else {
            Stage::Settle(held, states::validate(held.state, site))
        };
        self.go_on(worker, stage);
        Some(())
    }

    /// The second part of the look, and the rule.
    pub(crate) fn observe(&mut self, rules: Rules, worker: usize, settle: Time) -> Option<()> {
        let Stage::Observe(held, first) = self.stage(worker)? else {
            return None;
        };
        let kind = Kind::of(held.state)?;
        let site = self.sites[self.ledger.executions[held.id].deployment];
        let seen = if rules.hold(Rule::ObserveFirst) {
            states::observe(rules, &held, first, &site)
        } else {
            Seen::NoTrace
        };
        if matches!(seen, Seen::Failed | Seen::Done) && site.works_at(kind) {
            self.foul(Foul::MisreadDevice);
        }
        // Only where the command may be sent again does it matter whether its intent is settled.
        let matters = seen == Seen::NoTrace
            && held.intent.is_some_and(|intent| intent.sends > 0)
            && rules.hold(Rule::SettleBeforeResend);
        match settle {
            Time::NotYet if !matters => return None,
            Time::Over if matters && !self.settled(rules, held.id, kind) => return None,
            _ => {}
        }
        let next = states::rule(rules, seen, held.intent.as_ref(), settle);
        let gave_up = seen == Seen::NoTrace && next == Next::Stop(Performed::Failed);
        if gave_up && !self.witness.sent_in_full(held.id, kind) {
            self.foul(Foul::GaveUpEarly);
        }
        let stage = match next {
            Next::Stop(performed) => Stage::Settle(held, performed),
            Next::Send(sends) if rules.hold(Rule::IntentFirst) => {
                Stage::Intend(held, sends, site.baseline())
            }
            Next::Send(_) => Stage::Send(held, Window::new(true)),
        };
        self.go_on(worker, stage);
        Some(())
    }

    /// Notes that the command is about to be sent.
    pub(crate) fn intend(&mut self, rules: Rules, worker: usize, deadline: Time) -> Option<()> {
        let Stage::Intend(held, sends, baseline) = self.stage(worker)? else {
            return None;
        };
        if deadline == Time::Over {
            if !rules.hold(Rule::Deadline) {
                return None;
            }
            self.go_on(worker, Stage::Settle(held, Performed::Retry));
            return Some(());
        }
        let intent = Intent {
            sends,
            written: held.intent.map_or(0, |intent| intent.written),
            baseline,
        };
        let kind = Kind::of(held.state)?;
        let fenced = self.ledger.note(rules, &held, kind, intent);
        self.judge_write(fenced);
        let dated = !held.late || rules.hold(Rule::DateByNote);
        let stage = match fenced {
            Fenced::Stale => Stage::Ack,
            _ => Stage::Send(held, Window::new(dated)),
        };
        self.go_on(worker, stage);
        Some(())
    }

    /// Writes the command. A window that has closed prevents it: see `Fault::CloseWindow`.
    pub(crate) fn send(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Stage::Send(held, window) = self.stage(worker)? else {
            return None;
        };
        let kind = Kind::of(held.state)?;
        self.write(Command {
            id: held.id,
            kind,
            bounded: window.open && window.dated && rules.hold(Rule::WireBounded),
            sender: Some(worker),
        });
        self.go_on(worker, Stage::Await(held, kind));
        Some(())
    }

    /// Takes an intent back whose command was surely not sent.
    pub(crate) fn unless_sent(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Stage::Settle(held, _) = self.stage(worker)? else {
            return None;
        };
        let kind = Kind::of(held.state)?;
        let mut intent = self.ledger.executions[held.id].intents[kind as usize]?;
        intent.sends = intent.sends.checked_sub(1)?;
        let fenced = self.ledger.note(rules, &held, kind, intent);
        self.judge_write(fenced);
        let stage = match fenced {
            Fenced::Stale => Stage::Ack,
            _ => Stage::Settle(held, Performed::Retry),
        };
        self.go_on(worker, stage);
        Some(())
    }
}
