//! Whether everyone was told of each end.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Evidence, Violation};
use crate::monkey::WIPED;
use crate::records::Execution;

/// A time in which what the broker had, or got, was lost.
pub struct Wipe {
    pub begin: DateTime<Utc>,
    /// When the listener's queue was there again.
    pub end: DateTime<Utc>,
}

/// What a listener had before it and the broker agreed that it has it.
const MARGIN: TimeDelta = TimeDelta::seconds(3);

impl Wipe {
    pub fn all(evidence: &Evidence) -> Vec<Self> {
        let wipes = evidence
            .done
            .faults
            .iter()
            .filter(|fault| fault.kind == WIPED);
        let wipes = wipes.map(|fault| {
            // The listener may be back a little before the monkey sees that the broker is.
            let earliest = fault.begin + (fault.end - fault.begin) / 2;
            let declared = evidence.heard.declared.iter().find(|at| **at > earliest);
            Self {
                begin: fault.begin - MARGIN,
                end: declared.copied().unwrap_or(fault.end) + MARGIN,
            }
        });
        wipes.collect()
    }

    fn contains(&self, at: DateTime<Utc>) -> bool {
        (self.begin..=self.end).contains(&at)
    }
}

/// The upgrades whose end was told while the broker lost everything: excused.
pub fn excused(evidence: &Evidence) -> usize {
    missing(evidence).filter(|(_, excused)| *excused).count()
}

pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let untold = missing(evidence).filter(|(_, excused)| !excused);
    let mut violations: Vec<Violation> = untold
        .map(|(id, _)| Violation::of(id, "no event told of its end".to_owned()))
        .collect();
    let unheard = evidence
        .executions
        .iter()
        .filter(|execution| !evidence.heard.ends_of_full.contains(&execution.id))
        .filter(|execution| !lost(evidence, execution));
    violations.extend(unheard.map(|execution| {
        let what = "no event told the listener with breaks of its end";
        Violation::of(execution.id, what.to_owned())
    }));
    // Events that the broker lost are missing, and not out of order.
    if Wipe::all(evidence).is_empty() {
        let out_of_order = evidence.heard.out_of_order.iter();
        violations.extend(out_of_order.map(|(id, seq)| {
            let what = format!("event {seq} was heard before an earlier one");
            Violation::of(*id, what)
        }));
    }
    violations
}

/// Whether the broker may have lost the event of its end.
fn lost(evidence: &Evidence, execution: &Execution) -> bool {
    let announced = execution.end_announced_at;
    let wipes = Wipe::all(evidence);
    announced.is_some_and(|at| wipes.iter().any(|wipe| wipe.contains(at)))
}

fn missing<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = (uuid::Uuid, bool)> + 'a {
    let wipes = Wipe::all(evidence);
    let unheard = evidence
        .executions
        .iter()
        .filter(|execution| !evidence.heard.ends.contains(&execution.id));
    unheard.map(move |execution| {
        let announced = execution.end_announced_at;
        let excused = announced.is_some_and(|at| wipes.iter().any(|wipe| wipe.contains(at)));
        (execution.id, excused)
    })
}
