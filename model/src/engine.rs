//! What a worker does with a message, step by step: `worker/src/engine/` in small.

mod announce;
mod requests;
mod settle;
mod steps;

use crate::action::Action;
use crate::courier::Message;
use crate::device::Ending;
use crate::rules::{Rule, Rules};
use crate::worker::{Stage, Task};
use crate::world::World;

impl World {
    /// Lets something happen. `None` if it can't, or makes no difference.
    pub(crate) fn act(&mut self, rules: Rules, action: Action) -> Option<()> {
        match action {
            Action::Deliver(worker, message) => self.deliver(rules, worker, message),
            Action::HandleRequest(worker) => self.handle_request(rules, worker)?,
            Action::CarryOut(worker) => self.carry_out(rules, worker)?,
            Action::DropOld(worker) => self.drop_old(worker)?,
            Action::Perform(worker) => self.perform(worker)?,
            Action::Observe(worker, settle) => self.observe(rules, worker, settle)?,
            Action::Intend(worker, deadline) => self.intend(rules, worker, deadline)?,
            Action::Send(worker) => self.send(rules, worker)?,
            Action::UnlessSent(worker) => self.unless_sent(rules, worker)?,
            Action::Settle(worker, time) => self.settle(rules, worker, time)?,
            Action::Announce(worker) => self.announce(worker)?,
            Action::DeferEvents(worker) => self.defer_events(worker)?,
            Action::Publish(worker) => self.publish(worker)?,
            Action::EndAnnounced(worker) => self.end_announced(worker)?,
            Action::Answer(worker) => self.answer(worker)?,
            Action::Ack(worker) => self.workers[worker] = None,
            Action::Keep(worker) => {
                self.forget_sender(worker);
                self.go_on(worker, Stage::Ack);
            }
            Action::Arrive(command) => self.arrive_with_answer(rules, command),
            Action::Finish(site) => self.finish(site, Ending::Success)?,
            Action::FinishRedeploy(site) => self.finish_redeploy(site, Ending::Success)?,
            Action::RunOut(id) => self.run_out(id)?,
            Action::PublishDue(id) => self.publish_due(rules, id),
            Action::PublishEnds(id) => self.publish_ends(id),
            Action::PublishBacklog(id) => self.publish_backlog(id)?,
            Action::SendAgain(request) => {
                self.requesters[request].lost = false;
                self.courier.publish(Message::Request(request));
            }
            Action::Fault(fault) => self.suffer(rules, fault)?,
        }
        self.drop_stale(rules);
        Some(())
    }

    /// Whoever gets a message that is older than the last step only acknowledges it: as well at
    /// once.
    fn drop_stale(&mut self, rules: Rules) {
        let rows = &self.ledger.executions;
        if rules.hold(Rule::ClaimByStep) {
            self.courier.drop_stale(|message| match message {
                Message::Request(_) => false,
                Message::Step { id, seq, .. } => rows[*id].seq > seq + 1,
            });
        }
    }

    fn deliver(&mut self, rules: Rules, worker: usize, message: Message) {
        self.courier.take(message);
        let mut task = Task::new(message);
        task.unacked = rules.hold(Rule::AckLast);
        self.workers[worker] = Some(task);
    }

    /// What a worker does next.
    pub(crate) fn stage(&self, worker: usize) -> Option<Stage> {
        self.workers[worker].as_ref().map(|task| task.stage)
    }

    /// Goes on to the next stage.
    pub(crate) fn go_on(&mut self, worker: usize, stage: Stage) {
        if let Some(task) = &mut self.workers[worker] {
            task.stage = stage;
        }
    }

    /// Everything that follows from a message is durable.
    pub(crate) fn finish_message(&mut self, worker: usize) {
        let request = self.workers[worker]
            .as_ref()
            .is_some_and(|task| matches!(task.message, Message::Request(_)));
        self.go_on(worker, if request { Stage::Answer } else { Stage::Ack });
    }
}
