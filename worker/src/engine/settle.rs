//! From what an action returned to what is written in the ledger.

use std::time::Duration;

use ledger::{Facts, FailedLogins, Failure, HeldStep, Transition, Unread, Wait};
use schemas::workflow::NoArrow;
use schemas::{Outcome, State, Verdict, next_undecided};

use crate::config::Timing;
use crate::outcome::{Again, Done, Performed, Progress, Setback};
use crate::slx::Spent;
use crate::states::RESTORE_BY_HAND;

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
    /// What is left of it.
    pub left: Duration,
    /// The upgrade may have sent a command, in this state or before: from then on only evidence,
    /// or the deadline, ends a state. What can't be read is none.
    pub commanded: bool,
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
    // Also where the last look could read: operators see it until the state ends.
    let told = |why: String| format!("{why}{}", last_unread(held, &why));
    let unfinished = |why: String, remedy: &str| {
        let minutes = humantime::format_duration(timing.deadline(held.state));
        let title = held.state.title();
        let why = told(why);
        fail(
            format!("{title} did not end within {minutes}: {why}"),
            remedy,
        )
    };
    const LOOK: &str = "look at the device and at EFA, then request the upgrade again";
    const IDLE: &str = "see what other TPVM operation keeps the device busy, and wait until it has \
                        ended or end it; then request the upgrade again";
    let try_again = |cause: String, remedy: &str, bounded: bool| {
        let attempts = held.attempts.unsigned_abs();
        if bounded && attempts >= timing.retry_attempts {
            let cause = format!("{cause} (tried {} times)", attempts + 1);
            return fail(cause, remedy);
        }
        Ok(Write::Wait(Wait {
            after: broker::delay::nth(timing.retry_first, timing.retry_max, attempts),
            why: told(cause),
            facts: Facts::default(),
            counts_as_attempt: true,
        }))
    };
    match performed {
        Ok(Progress::Done(done)) => succeed(held, done, wake_after),
        Ok(Progress::Waiting { why, .. }) if past_deadline => unfinished(why, LOOK),
        Ok(Progress::Waiting { why, facts }) => Ok(Write::Wait(Wait {
            after: timing.poll,
            why: told(why),
            facts,
            counts_as_attempt: false,
        })),
        Err(Setback::Failed { cause, remedy }) => fail(cause, &remedy),
        Err(Setback::Unreadable { cause, remedy, .. }) if !moment.commanded => fail(cause, &remedy),
        Err(Setback::Unreadable { cause, remedy, .. }) if past_deadline => {
            unfinished(cause, &remedy)
        }
        Err(Setback::Unreadable { cause, again, .. }) => {
            Ok(look_again(held, cause, again, moment, timing))
        }
        Err(Setback::Retry { cause, remedy }) if past_deadline => unfinished(cause, &remedy),
        Err(Setback::Busy { cause }) if past_deadline => unfinished(cause, LOOK),
        // Switches lock an account that is tried too often. Until a command was sent, a refused
        // login ends the state, and one that may have been refused, or lost, is sent once more.
        Err(Setback::Login { cause, remedy, .. }) if moment.commanded && past_deadline => {
            unfinished(cause, &remedy)
        }
        Err(Setback::Login { cause, .. }) if moment.commanded => {
            Ok(look_again(held, cause, Again::Seldom, moment, timing))
        }
        Err(Setback::Login {
            cause,
            remedy,
            spent,
        }) => match (spent, held.facts.failed_logins(held.token.seq)) {
            (Spent::Unanswered, 0) if !past_deadline => Ok(Write::Wait(Wait {
                after: timing.retry_first,
                why: cause,
                facts: Facts {
                    failed_logins: Some(FailedLogins {
                        seq: held.token.seq,
                        count: 1,
                    }),
                    ..Facts::default()
                },
                counts_as_attempt: true,
            })),
            (_, 0) => fail(cause, &remedy),
            (_, failed) => fail(format!("{cause} (tried {} times)", failed + 1), &remedy),
        },
        Err(Setback::Busy { cause }) => try_again(cause, IDLE, true),
        Err(Setback::Retry { cause, remedy }) => try_again(cause, &remedy, !moment.commanded),
        Err(Setback::Unknown { attempted, .. }) if past_deadline => unfinished(attempted, LOOK),
        Err(Setback::Unknown { attempted, facts }) => Ok(Write::Wait(Wait {
            after: timing.poll,
            why: told(format!(
                "it is not known whether a command took effect, observing: {attempted}"
            )),
            facts: *facts,
            counts_as_attempt: false,
        })),
        Err(Setback::ClaimLost) => Ok(Write::Nothing),
    }
}

/// Waits for the next look after one that told nothing, and keeps what was read instead.
fn look_again(
    held: &HeldStep,
    cause: String,
    again: Again,
    moment: Moment,
    timing: &Timing,
) -> Write {
    let attempts = held.attempts.unsigned_abs();
    let after = match again {
        Again::Soon => broker::delay::nth(timing.retry_first, timing.poll, attempts),
        // A handful of looks in all, the last one close to the deadline.
        Again::Seldom => {
            let longest = (timing.deadline(held.state) / 4).max(timing.poll);
            let after = broker::delay::nth(timing.poll, longest, attempts + 1);
            after.min(moment.left.max(timing.poll))
        }
    };
    let unread = Unread {
        state: held.state,
        at: held.now,
        text: cause.chars().take(MAX_UNREAD).collect(),
    };
    Write::Wait(Wait {
        after,
        why: format!("looking again, since this tells nothing: {cause}"),
        facts: Facts {
            unread: Some(unread),
            ..Facts::default()
        },
        counts_as_attempt: true,
    })
}

/// The longest text of an unreadable answer that is kept, in characters.
const MAX_UNREAD: usize = 2_000;

/// What could not be read last in this state, unless `why` says it already.
fn last_unread(held: &HeldStep, why: &str) -> String {
    let unread = held.facts.unread.as_ref();
    match unread.filter(|unread| unread.state == held.state && !why.contains(&unread.text)) {
        Some(Unread { at, text, .. }) => {
            let at = at.format("%Y-%m-%d %H:%M:%S UTC");
            format!("; what could not be read last, at {at}: {text}")
        }
        None => String::new(),
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
    let remedy = if reverting { RESTORE_BY_HAND } else { remedy };
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
