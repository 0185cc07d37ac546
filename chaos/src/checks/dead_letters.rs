//! Whether all garbage, and nothing else, is in the dead letters, each with its reason.

use chrono::TimeDelta;

use super::events::Wipe;
use super::{Evidence, Violation};
use crate::garbage::Fate;
use crate::listeners::BY_BROKER;
use crate::monkey::Published;

/// How long a message may be on its way to the dead letters: behind a backlog, in the hands of a
/// worker that is killed, stopped or kept from publishing.
const ON_THE_WAY: TimeDelta = TimeDelta::seconds(60);

/// What became of the garbage that the broker had confirmed.
#[derive(Default)]
pub struct Counts {
    pub kept: usize,
    pub dropped: usize,
    /// On its way when the broker lost everything.
    pub wiped: usize,
    /// Dead letters that are no garbage: messages that the broker had delivered too often.
    pub other: usize,
}

pub fn counts(evidence: &Evidence) -> Counts {
    judged(evidence).0
}

pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    judged(evidence).1
}

fn judged(evidence: &Evidence) -> (Counts, Vec<Violation>) {
    let wipes = Wipe::all(evidence);
    let wiped = |published: &Published| {
        wipes
            .iter()
            .any(|wipe| (wipe.begin - ON_THE_WAY..=wipe.end).contains(&published.at))
    };
    let mut counts = Counts::default();
    let mut violations = Vec::new();
    for published in &evidence.done.garbage {
        let garbage = &published.garbage;
        let reasons = evidence.heard.dead.get(&garbage.id);
        let problem = match (garbage.fate, reasons) {
            (Fate::Dead(says), Some(reasons))
                if reasons
                    .iter()
                    .any(|reason| reason.contains(says) || reason == BY_BROKER) =>
            {
                counts.kept += 1;
                continue;
            }
            (Fate::Dropped, None) => {
                counts.dropped += 1;
                continue;
            }
            // Of one that went to two queues, the copy may have come through.
            (Fate::Dead(_), found)
                if wiped(published) && (found.is_none() || garbage.is_copied()) =>
            {
                counts.wiped += 1;
                continue;
            }
            (Fate::Dead(says), Some(reasons)) => format!("says {reasons:?}, not {says:?}"),
            (Fate::Dead(_), None) => "is not in the dead letters".to_owned(),
            (Fate::Dropped, Some(reasons)) => format!("is in the dead letters: {reasons:?}"),
        };
        let (id, what, queue, at) = (&garbage.id, garbage.what, &garbage.queue, published.at);
        violations.push(Violation::general(format!(
            "{id} ({what}, to {queue} at {at}) {problem}"
        )));
    }
    for (id, reasons) in &evidence.heard.dead {
        if id.starts_with("garbage-") {
            continue;
        }
        counts.other += reasons.len();
        if let Some(reason) = reasons.iter().find(|reason| *reason != BY_BROKER) {
            violations.push(Violation::general(format!(
                "a dead letter that is no garbage: {id}: {reason:?}"
            )));
        }
    }
    (counts, violations)
}
