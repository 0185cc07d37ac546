//! What goes wrong: each costs one of the faults that a configuration allows.

use crate::action::Action;
use crate::courier::Message;
use crate::device::{Command, Efa, Ending, Phase};
use crate::ledger::{Claim, Fenced, Id, Wait};
use crate::rules::{Rule, Rules};
use crate::states::{Performed, Time};
use crate::witness::Foul;
use crate::worker::{Stage, Task};
use crate::world::World;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A message is lost.
    LoseMessage(Message),
    /// A message is there once more: published again since the confirm was lost, or a late copy.
    Double(Message),
    /// The ledger's loop announces a step or an end before a living worker gets to it.
    Overtake(Id),
    /// The broker loses everything.
    LoseEverything,
    /// A queue refuses an event.
    RefuseEvent(usize),
    /// A worker dies, and another one starts.
    Die(usize),
    /// A worker is told to stop, and hands its step back.
    HandBack(usize),
    /// A claim runs out while its holder lives, stands still, and goes on later.
    Outlive(Id),
    /// The answer to a claim is lost; the worker claims again and finds the step held.
    LoseClaim(usize),
    /// The answer to a note is lost; the worker retries later.
    LoseNote(usize),
    /// A worker stands still between a claim and its answer.
    Lag(usize),
    /// A worker stands still until there is no time left to send.
    CloseWindow(usize),
    /// A command is lost on its way; so is the answer.
    LoseCommand(Command),
    /// A command arrives and its answer is lost.
    LoseAnswer(Command),
    /// A worker has waited for an answer for too long; the command is still on its way.
    GiveUp(usize),
    /// A device can't be asked, or refuses: for a while.
    Trouble(usize),
    /// The same, for good.
    Refusal(usize),
    /// A device's work ends badly.
    Work(usize, Ending),
    /// EFA's does.
    Redeploy(usize, Ending),
}

/// What can go wrong now.
pub fn possible(rules: Rules, world: &World, actions: &mut Vec<Action>) {
    let mut add = |fault| actions.push(Action::Fault(fault));
    for message in world.courier.distinct() {
        add(Fault::LoseMessage(message));
        if world.courier.copies(message) == 1 {
            add(Fault::Double(message));
        }
    }
    let unacked = world.workers.iter().flatten().any(|task| task.unacked);
    if unacked || !world.courier.all().is_empty() {
        add(Fault::LoseEverything);
    }
    for (worker, task) in world.workers.iter().enumerate() {
        let Some(task) = task else { continue };
        add(Fault::Die(worker));
        if task.performing().is_some() {
            add(Fault::HandBack(worker));
        }
        match task.stage {
            Stage::Received if matches!(task.message, Message::Step { .. }) => {
                add(Fault::LoseClaim(worker));
            }
            Stage::Perform(held) => {
                add(Fault::Trouble(worker));
                add(Fault::Refusal(worker));
                if !held.late && !rules.hold(Rule::DateByNote) {
                    add(Fault::Lag(worker));
                }
            }
            Stage::Intend(..) => add(Fault::LoseNote(worker)),
            Stage::Announce(told) if world.ledger.executions[told.id].backlog.is_none() => {
                add(Fault::RefuseEvent(worker));
            }
            Stage::Send(_, window) if window.open => add(Fault::CloseWindow(worker)),
            Stage::Await(..) => add(Fault::GiveUp(worker)),
            _ => {}
        }
    }
    for (id, row) in world.ledger.executions.iter().enumerate() {
        let alive = |token| world.remembered(id, token);
        if row
            .claim
            .is_some_and(|held| !held.ran_out && alive(held.token))
        {
            add(Fault::Outlive(id));
        }
    }
    for (id, row) in world.ledger.due() {
        if world.attended(id, row.seq) {
            add(Fault::Overtake(id));
        }
    }
    for id in world
        .ledger
        .unannounced_ends()
        .filter(|_| rules.hold(Rule::AnnounceEnds))
    {
        if world.attended(id, world.ledger.executions[id].seq) {
            add(Fault::Overtake(id));
        }
    }
    for command in &world.wire {
        add(Fault::LoseCommand(*command));
        if command.sender.is_some() {
            add(Fault::LoseAnswer(*command));
        }
    }
    for (at, site) in world.sites.iter().enumerate() {
        if matches!(site.phase, Phase::Working(_)) {
            add(Fault::Work(at, Ending::Failure));
            add(Fault::Work(at, Ending::Nothing));
        }
        if matches!(site.efa, Efa::Deploying(_)) {
            add(Fault::Redeploy(at, Ending::Failure));
            add(Fault::Redeploy(at, Ending::Nothing));
        }
    }
}

impl World {
    /// Lets something go wrong. `None` if it makes no difference.
    pub(crate) fn suffer(&mut self, rules: Rules, fault: Fault) -> Option<()> {
        self.faults_left = self.faults_left.checked_sub(1)?;
        match fault {
            Fault::LoseMessage(message) => {
                self.courier.take(message);
                self.lost(message);
            }
            Fault::Double(message) => self.courier.publish(message),
            Fault::Overtake(id) => {
                let ended = self.ledger.executions[id].verdict.is_some();
                let action = if ended {
                    Action::PublishEnds(id)
                } else {
                    Action::PublishDue(id)
                };
                self.act(rules, action)?;
            }
            Fault::LoseEverything => self.lose_everything(),
            Fault::RefuseEvent(worker) => self.refuse_event(rules, worker)?,
            Fault::Die(worker) => {
                if let Some(held) = self.workers[worker].as_ref().and_then(Task::held) {
                    self.ledger.count_death(held);
                }
                self.end_process(worker)?;
            }
            Fault::HandBack(worker) => self.hand_back(rules, worker)?,
            Fault::Outlive(id) => self.run_out(id)?,
            Fault::LoseClaim(worker) => self.lose_claim(rules, worker)?,
            Fault::LoseNote(worker) => {
                self.intend(rules, worker, Time::NotYet)?;
                if let Some(Stage::Send(held, _)) = self.stage(worker) {
                    self.go_on(worker, Stage::Settle(held, Performed::Retry));
                }
            }
            Fault::Lag(worker) => {
                let Stage::Perform(mut held) = self.stage(worker)? else {
                    return None;
                };
                held.late = true;
                self.go_on(worker, Stage::Perform(held));
            }
            Fault::CloseWindow(worker) => self.close_window(rules, worker)?,
            Fault::LoseCommand(command) => {
                self.take(command);
                self.unknown(command.sender);
            }
            Fault::LoseAnswer(command) => {
                self.take(command);
                self.arrive(command.id, command.kind);
                self.unknown(command.sender);
            }
            Fault::GiveUp(worker) => {
                self.forget_sender(worker);
                self.unknown(Some(worker));
            }
            Fault::Trouble(worker) | Fault::Refusal(worker) => {
                let Stage::Perform(held) = self.stage(worker)? else {
                    return None;
                };
                let performed = match fault {
                    Fault::Trouble(_) => Performed::Retry,
                    _ => Performed::Failed,
                };
                self.go_on(worker, Stage::Settle(held, performed));
            }
            Fault::Work(site, ending) => self.finish(site, ending)?,
            Fault::Redeploy(site, ending) => self.finish_redeploy(site, ending)?,
        }
        Some(())
    }

    /// The requester of a message that is gone may have to send it again.
    fn lost(&mut self, message: Message) {
        if let Message::Request(request) = message {
            self.requesters[request].lost = !self.requesters[request].answered;
        }
    }

    fn lose_everything(&mut self) {
        for message in self.courier.all().to_vec() {
            self.lost(message);
        }
        self.courier.clear();
        let tasks = self
            .workers
            .iter_mut()
            .flatten()
            .filter(|task| task.unacked);
        let mut lost = Vec::new();
        for task in tasks {
            task.unacked = false;
            lost.push(task.message);
        }
        for message in lost {
            self.lost(message);
        }
    }

    /// A process ends, however: the broker hands its message to another one.
    fn end_process(&mut self, worker: usize) -> Option<()> {
        let task = self.workers[worker].take()?;
        self.forget_sender(worker);
        if task.unacked {
            self.courier.publish(task.message);
        }
        Some(())
    }

    /// As `hand_back` in `steps.rs`: the step is due at once.
    fn hand_back(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let held = *self.workers[worker].as_ref()?.performing()?;
        let fenced = self.ledger.wait(rules, &held, Wait::default());
        self.judge_write(fenced);
        self.end_process(worker)
    }

    fn lose_claim(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Claim::Held(_) = self.claim(rules, worker)? else {
            return None;
        };
        self.go_on(worker, Stage::Ack);
        Some(())
    }

    fn close_window(&mut self, rules: Rules, worker: usize) -> Option<()> {
        let Stage::Send(held, mut window) = self.stage(worker)? else {
            return None;
        };
        window.open = false;
        let stage = if rules.hold(Rule::CheckBeforeWrite) {
            Stage::Settle(held, Performed::NotSent)
        } else {
            Stage::Send(held, window)
        };
        self.go_on(worker, stage);
        Some(())
    }

    /// Whoever waits for this answer does not get it.
    fn unknown(&mut self, sender: Option<usize>) {
        let Some(worker) = sender else { return };
        if let Some(Stage::Await(held, _)) = self.stage(worker) {
            self.go_on(worker, Stage::Settle(held, Performed::Unknown));
        }
    }

    /// A worker does not wait for the answer to its command any more.
    pub(crate) fn forget_sender(&mut self, worker: usize) {
        for command in &mut self.wire {
            if command.sender == Some(worker) {
                command.sender = None;
            }
        }
        self.wire.sort_unstable();
    }

    /// A foul if a write went through that must not.
    pub(crate) fn judge_write(&mut self, fenced: Fenced) {
        if fenced == Fenced::Foul {
            self.foul(Foul::WroteWithoutClaim);
        }
    }
}
