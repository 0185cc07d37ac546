//! What can happen next.

use crate::courier::Message;
use crate::device::{Command, Efa, Phase};
use crate::faults::Fault;
use crate::ledger::Id;
use crate::rules::{Rule, Rules};
use crate::states::{Performed, Time};
use crate::worker::Stage;
use crate::world::World;

/// What can happen. Those of workers and of the ledger's loop have the names of the functions in
/// `worker/src/engine/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A worker is handed a message.
    Deliver(usize, Message),
    /// `handle_request`: accept it.
    HandleRequest(usize),
    /// `carry_out`: claim the step.
    CarryOut(usize),
    /// The message's step was recorded before: it need not be announced again.
    DropOld(usize),
    /// `perform`: look at the device, first part; or validate.
    Perform(usize),
    /// `observe` and `rule`: the second part, and the decision; is the intent settled?
    Observe(usize, Time),
    /// `intend`: note the intent; is the step's time over?
    Intend(usize, Time),
    /// The command is written to the device.
    Send(usize),
    /// `unless_sent`: the intent of a command that was surely not sent does not count.
    UnlessSent(usize),
    /// `settle` and `write`: record or wait; is the step's time over, and its command not on its
    /// way any more?
    Settle(usize, Time),
    /// `announce`: the event.
    Announce(usize),
    /// `defer_events`: the ledger keeps an event that was refused.
    DeferEvents(usize),
    /// `publish`: the next step's message.
    Publish(usize),
    /// `end_announced`: the event of the end was confirmed.
    EndAnnounced(usize),
    /// `answer`: the reply to the requester.
    Answer(usize),
    /// The message is acknowledged.
    Ack(usize),
    /// `keep`: the worker finds that its claim has run out, and lets go.
    Keep(usize),
    /// A command reaches its device.
    Arrive(Command),
    /// A device has done what it was told.
    Finish(usize),
    /// EFA was deployed on the peer.
    FinishRedeploy(usize),
    /// A claim runs out whose holder is dead.
    RunOut(Id),
    /// `publish_due`: the ledger's loop.
    PublishDue(Id),
    /// `publish_ends`: the ledger's loop.
    PublishEnds(Id),
    /// `publish_backlog`: the ledger's loop.
    PublishBacklog(Id),
    /// A requester without an answer sends its request again.
    SendAgain(usize),
    /// Something goes wrong.
    Fault(Fault),
}

impl World {
    /// What can happen without anything going wrong. First what leads on soonest.
    pub(crate) fn steps(&self, rules: Rules, actions: &mut Vec<Action>) {
        for worker in 0..self.workers.len() {
            self.engine_steps(worker, actions);
        }
        // Workers are alike: a message goes to any one that is idle.
        if let Some(idle) = self.workers.iter().position(Option::is_none) {
            let messages = self.courier.distinct();
            actions.extend(messages.map(|message| Action::Deliver(idle, message)));
        }
        self.device_steps(actions);
        self.ledger_steps(rules, actions);
        for (request, requester) in self.requesters.iter().enumerate() {
            if requester.lost && !requester.answered && !self.in_work(request) {
                actions.push(Action::SendAgain(request));
            }
        }
    }

    fn engine_steps(&self, worker: usize, actions: &mut Vec<Action>) {
        let Some(task) = &self.workers[worker] else {
            return;
        };
        match task.stage {
            Stage::Received => match task.message {
                Message::Request(_) => actions.push(Action::HandleRequest(worker)),
                Message::Step { .. } => {
                    actions.push(Action::CarryOut(worker));
                    actions.push(Action::DropOld(worker));
                }
            },
            Stage::Perform(_) => actions.push(Action::Perform(worker)),
            Stage::Observe(..) => {
                actions.push(Action::Observe(worker, Time::Over));
                actions.push(Action::Observe(worker, Time::NotYet));
            }
            Stage::Intend(..) => {
                actions.push(Action::Intend(worker, Time::NotYet));
                actions.push(Action::Intend(worker, Time::Over));
            }
            Stage::Send(..) => actions.push(Action::Send(worker)),
            // The answer comes with the command's arrival.
            Stage::Await(..) => {}
            Stage::Settle(_, performed) => {
                actions.push(Action::Settle(worker, Time::NotYet));
                actions.push(Action::Settle(worker, Time::Over));
                if performed == Performed::NotSent {
                    actions.push(Action::UnlessSent(worker));
                }
            }
            Stage::Announce(_) => actions.push(Action::Announce(worker)),
            Stage::Defer(_) => actions.push(Action::DeferEvents(worker)),
            Stage::Publish(_) => actions.push(Action::Publish(worker)),
            Stage::EndAnnounced(_) => actions.push(Action::EndAnnounced(worker)),
            Stage::Answer => actions.push(Action::Answer(worker)),
            Stage::Ack => actions.push(Action::Ack(worker)),
        }
        if let Some(held) = task.performing()
            && self.ran_out(held.id, held.token)
        {
            actions.push(Action::Keep(worker));
        }
    }

    fn device_steps(&self, actions: &mut Vec<Action>) {
        let mut commands = self.wire.clone();
        commands.dedup();
        actions.extend(commands.into_iter().map(Action::Arrive));
        for (at, site) in self.sites.iter().enumerate() {
            if matches!(site.phase, Phase::Working(_)) {
                actions.push(Action::Finish(at));
            }
            if matches!(site.efa, Efa::Deploying(_)) {
                actions.push(Action::FinishRedeploy(at));
            }
        }
    }

    fn ledger_steps(&self, rules: Rules, actions: &mut Vec<Action>) {
        for (id, row) in self.ledger.executions.iter().enumerate() {
            let dead = |token| !self.remembered(id, token);
            if row
                .claim
                .is_some_and(|held| !held.ran_out && dead(held.token))
            {
                actions.push(Action::RunOut(id));
            }
        }
        // What a living worker is about to do is done before it only by a fault.
        for (id, row) in self.ledger.due() {
            if !self.attended(id, row.seq) {
                actions.push(Action::PublishDue(id));
            }
        }
        for (id, row) in self.ledger.executions.iter().enumerate() {
            if row.backlog.is_some() {
                actions.push(Action::PublishBacklog(id));
            }
        }
        if rules.hold(Rule::AnnounceEnds) {
            let ends = self.ledger.unannounced_ends();
            let alone = ends.filter(|id| !self.attended(*id, self.ledger.executions[*id].seq));
            actions.extend(alone.map(Action::PublishEnds));
        }
    }
}
