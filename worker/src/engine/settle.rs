//! From what an action returned to what is written in the ledger.

use std::time::Duration;

use ledger::{Facts, Failure, HeldStep, Transition, Wait};
use schemas::workflow::NoArrow;
use schemas::{Outcome, State, Verdict, next_undecided};

use crate::config::Timing;
use crate::outcome::{Done, Performed, Progress, Setback};

/// What is to be written.
#[derive(Debug)]
pub enum Write {
    /// The state ended.
    Record(Transition),
    /// It goes on later.
    Wait(Wait),
    /// Nothing: somebody else holds the step.
    Nothing,
}

/// When a step was performed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// The state's time is over: everything that would go on is a failure.
    pub past_deadline: bool,
    /// A command may still be on its way to the device, or to EFA. The state does not fail before
    /// that is settled: the command would meet whatever comes after it.
    pub command_on_its_way: bool,
}

/// Decides what is written.
///
/// # Errors
/// [`NoArrow`] if the ledger's row stands where the workflow has no way on.
pub fn settle(
    held: &HeldStep,
    performed: Performed,
    moment: Moment,
    timing: &Timing,
    wake_after: Duration,
) -> Result<Write, NoArrow> {
    let past_deadline = moment.past_deadline;
    let fail = |cause: String, remedy: &str| {
        if moment.command_on_its_way {
            let why = format!("{cause}; waiting until no command can be on its way any more");
            return Ok(wait(timing.poll, why));
        }
        fail(held, cause, remedy, wake_after)
    };
    let unfinished = |why: String| {
        let minutes = humantime::format_duration(timing.deadline(held.state));
        fail(
            format!("{} did not end within {minutes}: {why}", held.state.title()),
            "look at the device and at EFA, then request the upgrade again",
        )
    };
    match performed {
        Ok(Progress::Done(done)) => succeed(held, done, wake_after),
        Ok(Progress::Waiting { why, .. }) if past_deadline => unfinished(why),
        Ok(Progress::Waiting { why, facts }) => Ok(Write::Wait(Wait {
            after: timing.poll,
            why,
            facts,
            counts_as_attempt: false,
        })),
        Err(Setback::Failed { cause, remedy }) => fail(cause, &remedy),
        Err(Setback::Retry { cause }) if past_deadline => unfinished(cause),
        Err(Setback::Retry { cause }) => {
            let attempts = held.attempts.unsigned_abs();
            if attempts >= timing.retry_attempts {
                let cause = format!("{cause} (tried {} times)", attempts + 1);
                let remedy = "see to what is in the way, then request the upgrade again";
                return fail(cause, remedy);
            }
            let after = broker::delay::nth(timing.retry_first, timing.retry_max, attempts);
            Ok(Write::Wait(Wait {
                after,
                why: cause,
                facts: Facts::default(),
                counts_as_attempt: true,
            }))
        }
        Err(Setback::Unknown { attempted }) if past_deadline => unfinished(attempted),
        Err(Setback::Unknown { attempted }) => {
            let why =
                format!("it is not known whether a command took effect, observing: {attempted}");
            Ok(wait(timing.poll, why))
        }
        Err(Setback::ClaimLost) => Ok(Write::Nothing),
    }
}

fn wait(after: Duration, why: String) -> Write {
    Write::Wait(Wait {
        after,
        why,
        facts: Facts::default(),
        counts_as_attempt: false,
    })
}

fn succeed(held: &HeldStep, done: Done, wake_after: Duration) -> Result<Write, NoArrow> {
    let case = done.case.or(held.case);
    let to = next_undecided(held.state, case, Outcome::Success)?;
    let reverted = held.state == State::TpvmRevert;
    Ok(Write::Record(Transition {
        outcome: Outcome::Success,
        to,
        case: done.case,
        facts: done.facts,
        // The failure that led to a revert stays the upgrade's.
        failure: None,
        detail: Some(done.detail),
        failed_state: None,
        verdict: (to == State::WorkflowFinished).then_some(if reverted {
            Verdict::Reverted
        } else {
            Verdict::Succeeded
        }),
        wake_after,
    }))
}

fn fail(
    held: &HeldStep,
    cause: String,
    remedy: &str,
    wake_after: Duration,
) -> Result<Write, NoArrow> {
    let to = next_undecided(held.state, held.case, Outcome::Failure)?;
    let reverting = held.state == State::TpvmRevert;
    let cause = match &held.failure {
        Some(first) if reverting => format!("{}; the revert failed: {cause}", first.cause),
        _ => cause,
    };
    Ok(Write::Record(Transition {
        outcome: Outcome::Failure,
        to,
        case: None,
        facts: Facts::default(),
        detail: None,
        failure: Some(Failure {
            cause,
            remedy: remedy.to_owned(),
        }),
        failed_state: Some(held.state),
        verdict: (to == State::WorkflowFinished).then_some(if reverting {
            Verdict::RevertFailed
        } else {
            Verdict::Failed
        }),
        wake_after,
    }))
}

#[cfg(test)]
mod tests;
