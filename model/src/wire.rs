//! Commands on their way, what becomes of them at the device, and time that runs out.

use crate::device::{Answer, Command, Ending, Kind};
use crate::ledger::Id;
use crate::rules::{Rule, Rules};
use crate::states::Performed;
use crate::witness::Foul;
use crate::worker::{Stage, Task};
use crate::world::World;

impl World {
    /// Whether an intent of this kind may be settled: no command of it is on its way in time, and
    /// none can still be sent in time.
    pub(crate) fn settled(&self, rules: Rules, id: Id, kind: Kind) -> bool {
        if !rules.hold(Rule::WireBounded) {
            return true;
        }
        let on_its_way =
            |command: &Command| command.id == id && command.kind == kind && command.bounded;
        let in_hand = |task: &Task| match task.stage {
            Stage::Send(held, window) => {
                held.id == id && Kind::of(held.state) == Some(kind) && window.open && window.dated
            }
            _ => false,
        };
        !self.wire.iter().any(on_its_way) && !self.workers.iter().flatten().any(in_hand)
    }

    /// Puts a command on its way.
    pub(crate) fn write(&mut self, command: Command) {
        self.witness.sent(command.id, command.kind);
        let at = self.wire.partition_point(|other| *other < command);
        self.wire.insert(at, command);
    }

    /// Takes a command off its way.
    pub(crate) fn take(&mut self, command: Command) {
        if let Some(at) = self.wire.iter().position(|other| *other == command) {
            self.wire.remove(at);
        }
    }

    /// A command arrives, and its answer with it.
    pub(crate) fn arrive_with_answer(&mut self, rules: Rules, command: Command) {
        self.take(command);
        let answer = self.arrive(command.id, command.kind);
        let Some(worker) = command.sender else { return };
        let Some(Stage::Await(held, kind)) = self.stage(worker) else {
            return;
        };
        let performed = match answer {
            Answer::Accepted if !rules.hold(Rule::ShownNotSaid) => Performed::Done(None),
            Answer::Accepted => Performed::Waiting {
                redeploy_id: kind == Kind::Redeploy,
                written: true,
            },
            Answer::Busy => Performed::NotSent,
        };
        self.go_on(worker, Stage::Settle(held, performed));
    }

    /// A command arrives.
    pub(crate) fn arrive(&mut self, id: Id, kind: Kind) -> Answer {
        let row = &self.ledger.executions[id];
        let in_its_step = row.verdict.is_none() && Kind::of(row.state) == Some(kind);
        let answer = self.sites[row.deployment].take(id, kind);
        if answer == Answer::Accepted {
            self.witness.effect(id, kind);
            if !in_its_step {
                self.foul(Foul::LateEffect);
            }
        }
        answer
    }

    /// A device's work ends.
    pub(crate) fn finish(&mut self, site: usize, ending: Ending) -> Option<()> {
        let (id, kind) = self.sites[site].finish(ending)?;
        if ending == Ending::Nothing {
            self.witness.no_effect(id, kind);
        }
        Some(())
    }

    /// EFA's work ends.
    pub(crate) fn finish_redeploy(&mut self, site: usize, ending: Ending) -> Option<()> {
        let id = self.sites[site].finish_redeploy(ending)?;
        // One that failed leaves nothing: asking for it again repeats nothing.
        if ending != Ending::Success {
            self.witness.no_effect(id, Kind::Redeploy);
        }
        Some(())
    }

    /// A claim's time is over.
    pub(crate) fn run_out(&mut self, id: Id) -> Option<()> {
        let claim = self.ledger.executions[id].claim.as_mut()?;
        claim.ran_out = true;
        Some(())
    }
}
