//! What must hold, whatever goes wrong.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use schemas::{Answer, Outcome, State as WorkflowState, next_undecided};

use crate::database::{Move, Stands};
use crate::fleet::SECRET;
use crate::plant::Plant;
use crate::world::{State, request_id};

/// A law was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one, in a few words.
    pub law: &'static str,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.seen)
    }
}

pub(crate) type Held = Result<(), Violation>;

pub(crate) fn broken(law: &'static str, seen: impl Into<String>) -> Held {
    Err(Violation {
        law,
        seen: seen.into(),
    })
}

/// At any time: one unfinished upgrade in a deployment, and each command took effect at most once
/// for each upgrade.
pub(crate) fn always(state: &State, executions: &[Stands]) -> Held {
    if let Some(complaint) = state.complaints.first() {
        return Err(complaint.clone());
    }
    let mut unfinished = HashMap::new();
    for stands in executions.iter().filter(|stands| stands.verdict.is_none()) {
        if let Some(other) = unfinished.insert(&stands.deployment, stands.id) {
            let both = format!("{other} and {} are both unfinished", stands.id);
            return broken("one upgrade at a time in a deployment", both);
        }
    }
    for (index, plant) in state.plants.iter().enumerate() {
        let mut seen = HashMap::new();
        for effect in &plant.effects {
            let count = seen.entry(effect).or_insert(0);
            *count += 1;
            if *count > 1 {
                let (command, request) = effect;
                let text = format!("{command:?} for request {request:?} at fabric {index}");
                return broken("a command takes effect at most once", text);
            }
        }
    }
    Ok(())
}

/// The verdict of an upgrade that has ended says what is so on the device.
pub(crate) fn verdict(
    plant: &Plant,
    now: Duration,
    stands: &Stands,
    request: Option<usize>,
) -> Held {
    const LAW: &str = "the verdict says what is so";
    let said = stands.verdict.as_deref().unwrap_or_default();
    let runs = |version: &Option<String>| {
        version
            .as_deref()
            .is_some_and(|version| plant.runs(version))
    };
    let wrong = |what: &str| broken(LAW, format!("{said}, but {what}: {:?}", plant.guest));
    match said {
        "succeeded" if !runs(&stands.target_version) => wrong("the wanted version does not run"),
        "succeeded" if !plant.is_up(now) => wrong("EFA is not up on the node"),
        "succeeded" if stands.failed_state.is_some() => wrong("a state failed"),
        "reverted" if !runs(&stands.from_version) => wrong("the former version does not run"),
        "failed" if stands.case.as_deref() != Some("node-replacement") => {
            match plant.effects.iter().any(|(_, by)| *by == request) {
                true => wrong("something was done"),
                false => Ok(()),
            }
        }
        "revert-failed" if stands.failed_state.as_deref() != Some("tpvm-revert") => {
            wrong("not the revert is the failed state")
        }
        "succeeded" | "reverted" | "failed" | "revert-failed" => Ok(()),
        _ => wrong("there is no such verdict"),
    }
}

/// Once a command was sent for an upgrade, only evidence ends one of its states as failed, or the
/// deadline. That a look told nothing is no evidence.
pub(crate) fn evidence(plant: &Plant, request: usize, moves: &[&Move]) -> Held {
    let commanded = plant.commanded.contains(&Some(request));
    if !commanded || plant.evidence {
        return Ok(());
    }
    let known = |cause: &str| {
        cause.contains("did not end within")
            || plant.lost > 0 && cause.contains("the device shows no effect")
    };
    let failed = moves.iter().filter_map(|row| match &*row.outcome {
        "failure" => row.cause.as_deref(),
        _ => None,
    });
    match failed.into_iter().find(|cause| !known(cause)) {
        None => Ok(()),
        Some(cause) => broken(
            "after a command only evidence or the deadline ends a state",
            format!("request {request}: {cause}"),
        ),
    }
}

/// At the end: every request is answered, every accepted one has its end, and the end is told.
pub(crate) fn at_the_end(
    state: &State,
    requests: usize,
    executions: &[Stands],
    moves: &[Move],
) -> Held {
    for stands in executions {
        let id = stands.id;
        if stands.verdict.is_none() {
            return broken("every accepted upgrade ends", format!("{stands:?}"));
        }
        if stands.claimed {
            return broken("no claim is left", format!("{stands:?}"));
        }
        if !stands.announced {
            return broken("each end is announced", format!("{stands:?}"));
        }
        let of_it: Vec<&Move> = moves.iter().filter(|row| row.execution_id == id).collect();
        path(stands, &of_it)?;
        for row in of_it {
            let told = |event: &schemas::Event| event.execution_id == id && event.seq == row.seq;
            for listener in [&state.queues.events, &state.queues.events_of_full] {
                if !listener.iter().any(told) {
                    return broken("each move is announced", format!("{row:?}"));
                }
            }
        }
        in_order(state, id)?;
    }
    for index in 0..requests {
        answers(state, index, executions)?;
    }
    Ok(())
}

/// Whoever refuses nothing hears of each move for the first time after the one before.
fn in_order(state: &State, id: uuid::Uuid) -> Held {
    let mut last = 0;
    for event in state
        .queues
        .events
        .iter()
        .filter(|event| event.execution_id == id)
    {
        if event.seq > last + 1 {
            let seen = format!("{id}: {} after {last}", event.seq);
            return broken("moves are announced in their order", seen);
        }
        last = last.max(event.seq);
    }
    Ok(())
}

/// History is a path of the table.
fn path(stands: &Stands, moves: &[&Move]) -> Held {
    const LAW: &str = "history is a path of the table";
    let mut at = WorkflowState::WorkflowStarted.slug().to_owned();
    let mut failed = None;
    for (index, row) in moves.iter().enumerate() {
        let parsed = (
            row.from.parse::<WorkflowState>(),
            row.outcome.parse::<Outcome>(),
            row.case.as_deref().map(str::parse).transpose(),
        );
        let (Ok(from), Ok(outcome), Ok(case)) = parsed else {
            return broken(LAW, format!("{row:?} can't be read"));
        };
        let leads = next_undecided(from, case, outcome).map(WorkflowState::slug);
        if row.from != at || Ok(&*row.to) != leads || usize::try_from(row.seq) != Ok(index + 1) {
            return broken(LAW, format!("{row:?} follows {at}"));
        }
        if outcome == Outcome::Failure {
            failed = Some(row.from.clone());
        }
        if row.failed_state != failed {
            return broken(LAW, format!("{row:?}: the failed state is {failed:?}"));
        }
        at.clone_from(&row.to);
    }
    let last = moves.last();
    let verdict = last.and_then(|row| row.verdict.clone());
    let seq = last.map(|row| row.seq);
    if at != stands.state || seq != Some(stands.seq) || verdict != stands.verdict {
        return broken(
            LAW,
            format!("it ends at {at}, {verdict:?}, and not at {stands:?}"),
        );
    }
    if stands.failed_state != failed {
        return broken(LAW, format!("{stands:?}: the failed state is {failed:?}"));
    }
    Ok(())
}

fn answers(state: &State, index: usize, executions: &[Stands]) -> Held {
    const LAW: &str = "every request is answered, and truly";
    let id = request_id(index);
    let execution = executions.iter().find(|stands| stands.request_id == id);
    let replies = state.queues.replies.iter();
    let mut answered = false;
    for reply in replies.filter(|reply| reply.request_id == Some(id)) {
        answered = true;
        if let Answer::Accepted { execution_id, .. } = reply.answer
            && execution.map(|stands| stands.id) != Some(execution_id)
        {
            return broken(LAW, format!("{reply:?}, but there is {execution:?}"));
        }
    }
    match answered {
        true => Ok(()),
        false => broken(LAW, format!("request {index} was never answered")),
    }
}

/// No secret shows in what is kept or published.
pub(crate) fn secrets(state: &State, kept: &str) -> Held {
    let published = state.queues.bodies.iter();
    let shows = published
        .map(|body| String::from_utf8_lossy(body))
        .any(|body| body.contains(SECRET));
    match shows || kept.contains(SECRET) {
        true => broken("no secret shows", "one does"),
        false => Ok(()),
    }
}
