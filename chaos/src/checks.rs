//! What the system promises, checked on what anyone can see: the ledger's tables, the simulator's
//! counters, the events, the dead letters, the logs, the processes.

mod dead_letters;
mod ends;
mod events;

use std::collections::{HashMap, HashSet};

use schemas::Answer;
use uuid::Uuid;

use crate::listeners::Book;
use crate::monkey::Done;
use crate::records::{Execution, Move};
use crate::site::Site;
use crate::upgrades::{Upgrade, counted, kinds::DISRUPTIVE};
use crate::vitals::Course;

pub use dead_letters::counts as dead_letters;
pub use ends::{End, end};
pub use events::excused as ends_excused;

/// Everything that is left of a run.
pub struct Evidence<'a> {
    pub site: &'a Site,
    pub upgrades: Vec<Upgrade>,
    pub executions: Vec<Execution>,
    pub histories: HashMap<Uuid, Vec<Move>>,
    pub done: Done,
    pub heard: Book,
    pub courses: Vec<Course>,
    /// What was found while it went on, and while everything was taken down.
    pub found: Vec<String>,
}

/// A promise that was not kept.
pub struct Violation {
    pub what: String,
    pub execution: Option<Uuid>,
}

impl Violation {
    fn of(execution: Uuid, what: String) -> Self {
        Self {
            what,
            execution: Some(execution),
        }
    }

    fn general(what: String) -> Self {
        Self {
            what,
            execution: None,
        }
    }
}

/// Everything that is not as promised.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut violations: Vec<Violation> = evidence
        .found
        .iter()
        .cloned()
        .map(Violation::general)
        .collect();
    violations.extend(accepted_once(evidence));
    for execution in &evidence.executions {
        let history = evidence
            .histories
            .get(&execution.id)
            .map_or(&[][..], Vec::as_slice);
        violations.extend(ends::history(execution, history));
    }
    for upgrade in &evidence.upgrades {
        violations.extend(nothing_twice(upgrade));
        if let Some((execution, history)) = evidence.of(upgrade)
            && let Err(what) = ends::end(upgrade, execution, history)
        {
            violations.push(Violation::of(execution.id, what));
        }
    }
    violations.extend(nothing_after_the_end(evidence));
    violations.extend(events::violations(evidence));
    violations.extend(dead_letters::violations(evidence));
    violations.extend(no_secrets(evidence));
    for course in evidence.courses.iter().filter(|course| !course.flat) {
        let Course {
            worker,
            what,
            early,
            late,
            highest,
            ..
        } = course;
        violations.push(Violation::general(format!(
            "{worker}: {what} went from {early:.0} to {late:.0}, {highest:.0} at most"
        )));
    }
    violations
}

impl Evidence<'_> {
    /// An upgrade in the ledger.
    pub fn of(&self, upgrade: &Upgrade) -> Option<(&Execution, &[Move])> {
        let id = upgrade.execution_id()?;
        let execution = self
            .executions
            .binary_search_by_key(&id, |execution| execution.id)
            .ok()?;
        let history = self.histories.get(&id).map_or(&[][..], Vec::as_slice);
        Some((&self.executions[execution], history))
    }
}

/// Each request has been accepted, once, and nothing else has been.
fn accepted_once(evidence: &Evidence) -> Vec<Violation> {
    let mut violations = Vec::new();
    let by_request: HashMap<Uuid, Uuid> = evidence
        .executions
        .iter()
        .map(|execution| (execution.request_id, execution.id))
        .collect();
    let asked: HashSet<Uuid> = evidence
        .upgrades
        .iter()
        .map(|upgrade| upgrade.request_id)
        .collect();
    for upgrade in &evidence.upgrades {
        let request = upgrade.request_id;
        match (&upgrade.answer, by_request.get(&request)) {
            (Answer::Accepted { execution_id, .. }, Some(id)) if id == execution_id => {}
            (answer, found) => violations.push(Violation {
                what: format!(
                    "the request {request} was answered {answer:?}, and the ledger has {found:?}"
                ),
                execution: found.copied(),
            }),
        }
    }
    for execution in &evidence.executions {
        if !asked.contains(&execution.request_id) {
            violations.push(Violation::of(
                execution.id,
                "nobody asked for this upgrade".to_owned(),
            ));
        }
    }
    violations
}

fn nothing_twice(upgrade: &Upgrade) -> Vec<Violation> {
    let commands = DISRUPTIVE.iter().zip(upgrade.effects);
    let twice = commands.filter(|(_, effects)| *effects > 1);
    let violations = twice.map(|((command, _), effects)| Violation {
        what: format!("{command} took effect {effects} times"),
        execution: upgrade.execution_id(),
    });
    violations.collect()
}

/// What the simulator counted for each deployment is what its upgrades did.
fn nothing_after_the_end(evidence: &Evidence) -> Vec<Violation> {
    let mut known = vec![[0; 4]; evidence.site.deployments.len()];
    for upgrade in &evidence.upgrades {
        for (known, effects) in known[upgrade.deployment].iter_mut().zip(upgrade.effects) {
            *known += effects;
        }
    }
    let deployments = evidence.site.deployments.iter().zip(known);
    let late = deployments.filter(|(deployment, known)| counted(deployment) != *known);
    let violations = late.map(|(deployment, known)| {
        let (name, counted) = (&deployment.name, counted(deployment));
        Violation::general(format!(
            "a command took effect at {name} after an upgrade's end: {known:?}, then {counted:?}"
        ))
    });
    violations.collect()
}

fn no_secrets(evidence: &Evidence) -> Vec<Violation> {
    let secrets = evidence.site.simulator.secrets();
    let mut violations = Vec::new();
    for worker in &evidence.site.workers {
        let log = worker.log();
        for (name, secret) in &secrets {
            if log.contains(secret.as_str()) {
                violations.push(Violation::general(format!(
                    "{} has logged the secret {name}",
                    worker.name
                )));
            }
        }
    }
    violations
}
