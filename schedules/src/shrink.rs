//! From a schedule that breaks a law to a smaller one that breaks it, too.

use crate::laws::Violation;
use crate::schedule::Schedule;
use crate::stage::Stage;

/// Drops from a schedule whatever the broken law does not need: faults, requests, deployments,
/// workers; and the order where any will do. Returns what is left, and what it still breaks.
///
/// # Errors
/// As [`Stage::run`].
pub fn shrink(
    stage: &mut Stage,
    schedule: &Schedule,
    violation: &Violation,
) -> anyhow::Result<(Schedule, Violation)> {
    let mut smallest = (schedule.clone(), violation.clone());
    loop {
        let mut shrunk = false;
        for candidate in smaller(&smallest.0) {
            let report = stage.run(&candidate)?;
            if let Some(found) = report.violation
                && found.law == violation.law
            {
                smallest = (candidate, found);
                shrunk = true;
                break;
            }
        }
        if !shrunk {
            return Ok(smallest);
        }
    }
}

/// Schedules that lack one thing, the largest things first.
fn smaller(schedule: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Schedule)| {
        let mut smaller = schedule.clone();
        change(&mut smaller);
        if smaller != *schedule {
            all.push(smaller);
        }
    };
    for index in 0..schedule.requests.len() {
        if schedule.requests.len() > 1 {
            add(&|smaller| {
                smaller.requests.remove(index);
            });
        }
    }
    let last = schedule.fabrics.len() - 1;
    if last > 0
        && schedule
            .requests
            .iter()
            .all(|request| request.fabric < last)
    {
        add(&|smaller| {
            smaller.fabrics.pop();
        });
    }
    if last > 0 && schedule.requests.iter().all(|request| request.fabric > 0) {
        add(&|smaller| {
            smaller.fabrics.remove(0);
            for request in &mut smaller.requests {
                request.fabric -= 1;
            }
        });
    }
    for index in 0..schedule.faults.len() {
        add(&|smaller| {
            smaller.faults.remove(index);
        });
    }
    if schedule.workers > 1 {
        add(&|smaller| smaller.workers -= 1);
    }
    for index in 0..schedule.requests.len() {
        add(&|smaller| smaller.requests[index].twice = false);
        add(&|smaller| smaller.requests[index].at = 0);
    }
    add(&|smaller| smaller.hurried = false);
    add(&|smaller| smaller.brisk = false);
    for order in 0..4 {
        // A small number is no better an order than a large one, but is easier to read.
        if schedule.order > 4 {
            add(&|smaller| smaller.order = order);
        }
    }
    all
}
