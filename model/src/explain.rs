//! Explorations and counterexamples in words.

use std::fmt;

use crate::action::Action;
use crate::checking::{Counterexample, Explored};
use crate::configuration::{Configuration, Name};
use crate::courier::Message;
use crate::device::{Efa, Phase, Site};
use crate::faults::Fault;
use crate::ledger::Execution;
use crate::states::Time;
use crate::world::World;

/// The head of the table of explorations.
pub fn head() -> String {
    format!(
        "{:<17} {:>8} {:>8} {:>7} {:>6}  {:>10} {:>6} {:>8}  result",
        "configuration", "devices", "requests", "workers", "faults", "states", "depth", "seconds"
    )
}

/// One exploration.
pub fn row(name: Name, bounds: &Configuration, explored: &Explored) -> String {
    let held = crate::properties::of(bounds).len() - explored.missing.len();
    let result = if explored.complete && explored.missing.is_empty() {
        format!("complete; all {held} properties hold")
    } else if explored.complete {
        format!("complete; never: {}", explored.missing.join(", "))
    } else {
        format!("stopped: not so: {}", explored.violated.join("; "))
    };
    format!(
        "{:<17} {:>8} {:>8} {:>7} {:>6}  {:>10} {:>6} {:>8.1}  {result}",
        name.text(),
        bounds.sites.len(),
        bounds.requests.len(),
        bounds.workers,
        bounds.faults,
        explored.states,
        explored.depth,
        explored.time.as_secs_f64(),
    )
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = &self.start;
        for (number, (action, after)) in self.steps.iter().enumerate() {
            writeln!(f, "{:>4}  {action}", number + 1)?;
            changes(f, before, after)?;
            before = after;
        }
        Ok(())
    }
}

/// What a step changed in the ledger and on the devices.
fn changes(f: &mut fmt::Formatter<'_>, before: &World, after: &World) -> fmt::Result {
    for (id, row) in after.ledger.executions.iter().enumerate() {
        if before.ledger.executions.get(id) != Some(row) {
            writeln!(f, "          ledger: upgrade {} {row}", id + 1)?;
        }
    }
    for (at, site) in after.sites.iter().enumerate() {
        if before.sites.get(at) != Some(site) {
            writeln!(f, "          device {}: {site}", at + 1)?;
        }
    }
    Ok(())
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at step {} {}", self.seq, self.state)?;
        if let Some(verdict) = self.verdict {
            write!(f, ", ended: {verdict:?}")?;
        }
        match self.claim {
            Some(claim) if claim.ran_out => write!(f, ", claim {} has run out", claim.token)?,
            Some(claim) => write!(f, ", claim {}", claim.token)?,
            None => {}
        }
        let sends = self.intents.iter().flatten().map(|intent| intent.sends);
        for sends in sends {
            write!(f, ", intent to send no. {sends}")?;
        }
        if !self.wake_at && self.verdict.is_none() {
            write!(f, ", no wake_at")?;
        }
        Ok(())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Phase::Working(work) => {
                write!(f, "carries out {:?} of upgrade {}", work.kind, work.id + 1)?
            }
            phase => write!(f, "TPVM {phase:?}")?,
        }
        write!(f, ", image {:?}", self.version)?;
        match self.efa {
            Efa::Up => Ok(()),
            Efa::Deploying(id) => write!(f, ", EFA is being deployed for upgrade {}", id + 1),
            Efa::Failed => write!(f, ", EFA has failed"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Request(request) => write!(f, "request {}", request + 1),
            Message::Step { id, seq, state } => {
                write!(f, "step {seq} {state} of upgrade {}", id + 1)
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: &Time, over: &'static str| match time {
            Time::Over => over,
            Time::NotYet => "",
        };
        let (worker, what) = match self {
            Action::Deliver(worker, message) => {
                return write!(f, "worker {}: receives {message}", worker + 1);
            }
            Action::HandleRequest(worker) => (worker, "handle_request"),
            Action::CarryOut(worker) => (worker, "carry_out"),
            Action::DropOld(worker) => (worker, "drops the message, which is old"),
            Action::Perform(worker) => (worker, "perform"),
            Action::Observe(worker, Time::NotYet) => {
                (worker, "observe, rule; its command may still be on its way")
            }
            Action::Observe(worker, Time::Over) => (worker, "observe, rule"),
            Action::Intend(worker, over) => {
                let late = time(over, "; the step's time is over");
                return write!(f, "worker {}: intend{late}", worker + 1);
            }
            Action::Send(worker) => (worker, "writes the command"),
            Action::UnlessSent(worker) => (worker, "unless_sent"),
            Action::Settle(worker, over) => {
                let late = time(over, "; the step's time is over");
                return write!(f, "worker {}: settle, write{late}", worker + 1);
            }
            Action::Announce(worker) => (worker, "announce: the event"),
            Action::DeferEvents(worker) => (worker, "defer_events: the event was refused"),
            Action::Publish(worker) => (worker, "publish: the next step"),
            Action::EndAnnounced(worker) => (worker, "end_announced"),
            Action::Answer(worker) => (worker, "answer"),
            Action::Ack(worker) => (worker, "ack"),
            Action::Keep(worker) => (worker, "keep: the claim is lost"),
            Action::Arrive(command) => {
                let (kind, id) = (command.kind, command.id + 1);
                return write!(f, "the command {kind:?} of upgrade {id} arrives");
            }
            Action::Finish(site) => return write!(f, "device {}: is done", site + 1),
            Action::FinishRedeploy(site) => return write!(f, "EFA {}: is done", site + 1),
            Action::RunOut(id) => return write!(f, "the claim on upgrade {} runs out", id + 1),
            Action::PublishDue(id) => return write!(f, "publish_due: upgrade {}", id + 1),
            Action::PublishBacklog(id) => return write!(f, "publish_backlog: upgrade {}", id + 1),
            Action::PublishEnds(id) => return write!(f, "publish_ends: upgrade {}", id + 1),
            Action::SendAgain(request) => {
                return write!(f, "the requester sends request {} again", request + 1);
            }
            Action::Fault(fault) => return write!(f, "FAULT: {fault}"),
        };
        write!(f, "worker {}: {what}", worker + 1)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worker = |worker: &usize, what| format!("worker {} {what}", worker + 1);
        let text = match self {
            Fault::LoseMessage(message) => format!("the broker loses {message}"),
            Fault::Double(message) => format!("{message} is there twice"),
            Fault::Overtake(id) => format!("the ledger's loop announces upgrade {} first", id + 1),
            Fault::LoseEverything => "the broker loses everything".to_owned(),
            Fault::RefuseEvent(at) => worker(at, "publishes an event that a queue refuses"),
            Fault::Die(at) => worker(at, "dies"),
            Fault::HandBack(at) => worker(at, "is stopped: hand_back"),
            Fault::Outlive(id) => {
                format!("the claim on upgrade {} runs out, its holder lives", id + 1)
            }
            Fault::LoseClaim(at) => worker(at, "claims, gets no answer, and finds the step held"),
            Fault::LoseNote(at) => worker(at, "notes its intent and gets no answer"),
            Fault::Lag(at) => worker(at, "stands still between claim and answer"),
            Fault::CloseWindow(at) => worker(at, "stands still until it is too late to send"),
            Fault::LoseCommand(command) => format!("the command {:?} is lost", command.kind),
            Fault::LoseAnswer(command) => {
                format!("the command {:?} arrives, its answer is lost", command.kind)
            }
            Fault::GiveUp(at) => worker(at, "gives up waiting for the answer"),
            Fault::Trouble(at) => worker(at, "can't reach the device"),
            Fault::Refusal(at) => worker(at, "is refused by the device, for good"),
            Fault::Work(site, ending) => {
                format!("device {}: its work ends in {ending:?}", site + 1)
            }
            Fault::Redeploy(site, ending) => {
                format!("EFA {}: its work ends in {ending:?}", site + 1)
            }
        };
        f.write_str(&text)
    }
}
