//! Whether each upgrade went along the table, and ended as its kind must.

use schemas::{Case, Outcome, State, next_undecided};

use super::Violation;
use crate::records::{Execution, Move};
use crate::upgrades::Upgrade;
use crate::upgrades::kinds::{DISRUPTIVE, Kind};

/// How an upgrade ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its kind says.
    AsTold,
    /// A command was lost on its way with its intent written, as often as it may be sent, or as
    /// long as its state may last: the state failed without an effect, and the table's failure
    /// arrow was taken. A redeploy that may have been asked for is never asked for again.
    CommandLost,
}

/// Whether the history is a path of the table from its first state to its last, without a gap,
/// and the execution stands where it ends.
pub fn history(execution: &Execution, history: &[Move]) -> Vec<Violation> {
    let mut problems = Vec::new();
    let mut at = State::WorkflowStarted.slug().to_owned();
    for (row, expected) in history.iter().zip(1..) {
        if row.seq != expected {
            problems.push(format!(
                "its history has number {} in place {expected}",
                row.seq
            ));
        }
        if row.from_state != at {
            problems.push(format!(
                "move {} is from {}, not from {at}",
                row.seq, row.from_state
            ));
        }
        if arrow(row).as_deref() != Some(&*row.to_state) {
            problems.push(format!(
                "the table has no arrow for move {}: {} {} to {}",
                row.seq, row.from_state, row.outcome, row.to_state
            ));
        }
        at.clone_from(&row.to_state);
    }
    let finished = State::WorkflowFinished.slug();
    if at != finished || execution.state != finished || execution.verdict.is_none() {
        problems.push(format!(
            "it has not ended: the history ends in {at}, it stands in {}",
            execution.state
        ));
    }
    let last = history.last();
    if last.map(|row| row.seq) != Some(execution.seq) {
        problems.push(format!(
            "its number is {}, and its history ends at {:?}",
            execution.seq,
            last.map(|row| row.seq)
        ));
    }
    if last.and_then(|row| row.verdict.as_deref()) != execution.verdict.as_deref() {
        problems.push("its verdict is not its last move's".to_owned());
    }
    if let Some(worker) = &execution.claimed_by {
        problems.push(format!("it is claimed by {worker} after its end"));
    }
    let violations = problems
        .into_iter()
        .map(|what| Violation::of(execution.id, what));
    violations.collect()
}

fn arrow(row: &Move) -> Option<String> {
    let from: State = row.from_state.parse().ok()?;
    let outcome: Outcome = row.outcome.parse().ok()?;
    let case: Option<Case> = match &row.upgrade_case {
        Some(case) => Some(case.parse().ok()?),
        None => None,
    };
    let to = next_undecided(from, case, outcome).ok()?;
    Some(to.slug().to_owned())
}

/// How an upgrade ended.
///
/// # Errors
/// In words, an end that nothing explains.
pub fn end(upgrade: &Upgrade, execution: &Execution, history: &[Move]) -> Result<End, String> {
    let kind = upgrade.kind;
    let way: Vec<(&str, &str)> = history
        .iter()
        .skip(1)
        .map(|row| (&*row.from_state, &*row.outcome))
        .collect();
    let found = (
        execution.verdict.as_deref(),
        execution.failed_state.as_deref(),
    );
    if found == (Some(kind.verdict), kind.failed_state)
        && way == kind.way
        && upgrade.effects == kind.effects
    {
        return Ok(End::AsTold);
    }
    if command_lost(upgrade, kind, &way, history) && found == explained(&way) {
        return Ok(End::CommandLost);
    }
    Err(format!(
        "{:?} ended as {found:?} by {way:?} with the effects {:?} (of {:?}); expected {:?} by {:?} with {:?}",
        kind.name,
        upgrade.effects,
        DISRUPTIVE.map(|(command, _)| command),
        (kind.verdict, kind.failed_state),
        kind.way,
        kind.effects,
    ))
}

/// Whether it left its kind's way where a command had no effect, and says so.
fn command_lost(upgrade: &Upgrade, kind: &Kind, way: &[(&str, &str)], history: &[Move]) -> bool {
    let left = way
        .iter()
        .zip(kind.way)
        .position(|(found, told)| found != told);
    // Or with the failure that its kind has there too, but before its command took effect.
    let left = left.or_else(|| {
        way.iter()
            .position(|(state, outcome)| *outcome == "failure" && effect(upgrade, state) == Some(0))
    });
    let Some(at) = left else { return false };
    let (state, outcome) = way[at];
    let cause = history[at + 1].failure_cause.as_deref().unwrap_or_default();
    let says_so =
        cause.contains("the device shows no effect") || cause.contains("did not end within");
    outcome == "failure" && effect(upgrade, state) == Some(0) && says_so
}

/// How often the command of a state took effect.
fn effect(upgrade: &Upgrade, state: &str) -> Option<u64> {
    let command = DISRUPTIVE.iter().position(|(_, sender)| *sender == state)?;
    Some(upgrade.effects[command])
}

/// Verdict and failed state that follow from the way.
fn explained(way: &[(&str, &str)]) -> (Option<&'static str>, Option<&'static str>) {
    let failed = way.iter().rev().find(|(_, outcome)| *outcome == "failure");
    let failed = failed
        .and_then(|(state, _)| state.parse::<State>().ok())
        .map(State::slug);
    let verdict = match way.last() {
        Some(("tpvm-revert", "success")) => "reverted",
        Some(("tpvm-revert", _)) => "revert-failed",
        Some((_, "success")) => "succeeded",
        _ => "failed",
    };
    (Some(verdict), failed)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use schemas::Answer;
    use uuid::Uuid;

    use super::*;
    use crate::upgrades::kinds::KINDS;

    /// An upgrade of the nth kind that went exactly as told, in the ledger's words.
    fn told(kind: &'static Kind) -> (Upgrade, Execution, Vec<Move>) {
        let id = Uuid::new_v4();
        let request_id = Uuid::new_v4();
        let way = [("workflow-started", "success")]
            .into_iter()
            .chain(kind.way.iter().copied());
        let way: Vec<_> = way.collect();
        let replacement = kind
            .way
            .iter()
            .any(|(state, _)| *state == "tpvm-configuration");
        let moves = way.iter().enumerate().map(|(n, (state, outcome))| {
            let decided = way[..=n].contains(&("tpvm-config-validation", "success"));
            let case = if replacement {
                "node-replacement"
            } else {
                "normal-upgrade"
            };
            let next = way
                .get(n + 1)
                .map_or("workflow-finished", |(state, _)| state);
            Move {
                execution_id: id,
                seq: i32::try_from(n).unwrap_or_default() + 1,
                from_state: (*state).to_owned(),
                to_state: next.to_owned(),
                outcome: (*outcome).to_owned(),
                upgrade_case: decided.then(|| case.to_owned()),
                failure_cause: (*outcome == "failure").then(|| "it failed".to_owned()),
                detail: None,
                verdict: (next == "workflow-finished").then(|| kind.verdict.to_owned()),
                worker: "worker-1".to_owned(),
                ended_at: Utc::now(),
            }
        });
        let moves: Vec<Move> = moves.collect();
        let execution = Execution {
            id,
            request_id,
            seq: moves.last().map_or(0, |row| row.seq),
            state: "workflow-finished".to_owned(),
            failed_state: kind.failed_state.map(ToOwned::to_owned),
            verdict: Some(kind.verdict.to_owned()),
            claimed_by: None,
            end_announced_at: Some(Utc::now()),
        };
        let upgrade = Upgrade {
            number: 0,
            kind,
            deployment: 0,
            request_id,
            answer: Answer::Accepted {
                execution_id: id,
                duplicate: false,
            },
            effects: kind.effects,
        };
        (upgrade, execution, moves)
    }

    #[test]
    fn every_kind_is_a_path_of_the_table() {
        for kind in &KINDS {
            let (upgrade, execution, moves) = told(kind);
            let problems = history(&execution, &moves);
            let problems: Vec<_> = problems.into_iter().map(|problem| problem.what).collect();
            assert_eq!(problems, [""; 0], "{}", kind.name);
            assert_eq!(
                end(&upgrade, &execution, &moves),
                Ok(End::AsTold),
                "{}",
                kind.name
            );
        }
    }

    #[test]
    fn what_is_not_on_the_table_or_has_a_gap_is_seen() {
        let damages: [fn(&mut Execution, &mut Vec<Move>); 8] = [
            |_, moves| moves[2].seq = 9,
            |_, moves| drop(moves.remove(1)),
            |_, moves| drop(moves.pop()),
            |_, moves| moves[2].to_state = "tpvm-installation".to_owned(),
            |_, moves| moves[3].outcome = "failure".to_owned(),
            |execution, _| execution.claimed_by = Some("worker-1".to_owned()),
            |execution, _| execution.verdict = Some("failed".to_owned()),
            |execution, _| execution.seq += 1,
        ];
        for (n, damage) in damages.into_iter().enumerate() {
            let (_, mut execution, mut moves) = told(&KINDS[0]);
            damage(&mut execution, &mut moves);
            assert!(!history(&execution, &moves).is_empty(), "{n}");
        }
    }

    #[test]
    fn another_end_is_good_only_where_a_command_had_no_effect_and_it_says_so() {
        let redeploy_lost = |effects, cause: &str| {
            // The normal upgrade, with the way of one whose redeploy failed.
            let (_, execution, mut moves) = told(&KINDS[4]);
            assert_eq!(KINDS[4].name, "redeploy fails");
            moves[4].failure_cause = Some(cause.to_owned());
            let (upgrade, ..) = told(&KINDS[0]);
            end(&Upgrade { effects, ..upgrade }, &execution, &moves)
        };
        let late = "EFA Deploy Peer and Rejoin did not end within 2m: waiting";
        assert_eq!(redeploy_lost([1, 0, 1, 0], late), Ok(End::CommandLost));
        assert!(redeploy_lost([1, 0, 1, 1], late).is_err(), "it took effect");
        assert!(
            redeploy_lost([1, 0, 1, 0], "it failed").is_err(),
            "another cause"
        );
    }

    #[test]
    fn missing_and_extra_effects_are_seen() {
        for effects in [[0, 0, 0, 1], [1, 0, 0, 2], [1, 0, 1, 1]] {
            let (upgrade, execution, moves) = told(&KINDS[0]);
            assert!(end(&Upgrade { effects, ..upgrade }, &execution, &moves).is_err());
        }
    }
}
