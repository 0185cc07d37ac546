#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ledger::ClaimToken;
use schemas::{Case, Options, UpgradeRequest, V1};
use uuid::Uuid;

use super::*;

const WAKE: Duration = Duration::from_secs(7);

fn held(state: State) -> HeldStep {
    let ip = IpAddr::from([192, 0, 2, 1]);
    let reverting = state == State::TpvmRevert;
    let case = match state {
        State::DeviceValidation | State::TpvmConfigValidation => None,
        State::TpvmConfiguration | State::TpvmInstallation => Some(Case::NodeReplacement),
        _ => Some(Case::NormalUpgrade),
    };
    HeldStep {
        token: ClaimToken {
            execution_id: Uuid::nil(),
            seq: 2,
            token: Uuid::nil(),
        },
        request: UpgradeRequest {
            version: V1,
            request_id: Uuid::nil(),
            ip_address: ip,
            firmware_host: ip,
            tpvm_image: "/a".parse().unwrap(),
            requested_by: "someone".parse().unwrap(),
            trusted_peer_sudo_user: None,
            trusted_peer_password_secret: None,
            options: Options::default(),
        },
        state,
        case,
        facts: Facts::default(),
        failed_state: reverting.then_some(State::TpvmUpgrade),
        failure: reverting.then(|| Failure {
            cause: "the first cause".to_owned(),
            remedy: "the first remedy".to_owned(),
        }),
        attempts: 0,
        deaths: 0,
        started_at: DateTime::<Utc>::UNIX_EPOCH,
        now: DateTime::<Utc>::UNIX_EPOCH,
        deployment: None,
    }
}

fn write(held: &HeldStep, performed: Performed, past_deadline: bool) -> Write {
    let moment = Moment {
        past_deadline,
        ..Moment::default()
    };
    settle(held, performed, moment, &Timing::default(), WAKE).unwrap()
}

fn recorded(write: Write) -> Transition {
    match write {
        Write::Record(transition) => transition,
        other => panic!("not recorded: {other:?}"),
    }
}

fn waited(write: Write) -> Wait {
    match write {
        Write::Wait(wait) => wait,
        other => panic!("no wait: {other:?}"),
    }
}

fn retry() -> Performed {
    Err(Setback::retry("the line was cut"))
}

#[test]
fn success_goes_along_the_tables_arrow_in_every_state() {
    for state in State::ACTING {
        let decided = (state == State::TpvmConfigValidation).then_some(Case::NodeReplacement);
        let done = Done {
            case: decided,
            ..Done::because("done")
        };
        let held = held(state);
        let moved = recorded(write(&held, Ok(done.into()), false));
        let case = decided.or(held.case);
        assert_eq!(Ok(moved.to), next_undecided(state, case, Outcome::Success));
        assert_eq!((moved.outcome, moved.case), (Outcome::Success, decided));
        let end = match state {
            State::TpvmRevert => Some(Verdict::Reverted),
            State::EfaDeployPeerAndRejoin => Some(Verdict::Succeeded),
            _ => None,
        };
        assert_eq!(moved.verdict, end, "{state}");
        // Nothing about an earlier failure is overwritten.
        assert_eq!((moved.failure, moved.failed_state), (None, None));
        assert_eq!(moved.wake_after, WAKE);
    }
}

#[test]
fn failure_goes_along_the_tables_arrow_and_names_the_state() {
    for state in State::ACTING {
        let held = held(state);
        let moved = recorded(write(&held, Err(Setback::failed("cause", "remedy")), false));
        assert_eq!(
            Ok(moved.to),
            next_undecided(state, held.case, Outcome::Failure)
        );
        assert_eq!(moved.failed_state, Some(state));
        let finished = moved.to == State::WorkflowFinished;
        assert_eq!(moved.verdict.is_some(), finished, "{state}");
        let failure = moved.failure.unwrap();
        assert_eq!(failure.remedy, remedy_in(state, "remedy"));
        if state == State::TpvmRevert {
            assert_eq!(moved.verdict, Some(Verdict::RevertFailed));
            assert_eq!(failure.cause, "the first cause; the revert failed: cause");
        } else {
            assert_eq!(failure.cause, "cause");
        }
    }
}

#[test]
fn a_replacement_whose_redeploy_failed_finishes() {
    let held = HeldStep {
        case: Some(Case::NodeReplacement),
        ..held(State::EfaDeployPeerAndRejoin)
    };
    let moved = recorded(write(&held, Err(Setback::failed("cause", "remedy")), false));
    assert_eq!(
        (moved.to, moved.verdict),
        (State::WorkflowFinished, Some(Verdict::Failed))
    );
}

#[test]
fn what_goes_on_waits_until_the_deadline_and_fails_after_it() {
    let unknown = || {
        Err(Setback::Unknown {
            attempted: "sent".to_owned(),
            facts: Box::default(),
        })
    };
    for state in State::ACTING {
        let held = held(state);
        for going_on in [|| Ok(Progress::wait("busy")), retry, unknown] {
            waited(write(&held, going_on(), false));
            let moved = recorded(write(&held, going_on(), true));
            assert_eq!(moved.failed_state, Some(state));
            let cause = moved.failure.unwrap().cause;
            assert!(cause.contains("did not end within"), "{cause}");
        }
    }
}

#[test]
fn what_is_done_is_done_also_after_the_deadline() {
    let held = held(State::TpvmUpgrade);
    let moved = recorded(write(&held, Ok(Done::because("done").into()), true));
    assert_eq!(moved.outcome, Outcome::Success);
}

#[test]
fn only_retries_are_counted_and_they_are_bounded() {
    let mut held = held(State::DeviceValidation);
    assert!(!waited(write(&held, Ok(Progress::wait("busy")), false)).counts_as_attempt);
    let bound = Timing::default().retry_attempts.cast_signed();
    held.attempts = bound - 1;
    assert!(waited(write(&held, retry(), false)).counts_as_attempt);
    held.attempts = bound;
    let cause = recorded(write(&held, retry(), false))
        .failure
        .unwrap()
        .cause;
    assert_eq!(cause, "the line was cut (tried 21 times)");
}

#[test]
fn retries_come_later_and_later() {
    let mut held = held(State::DeviceValidation);
    held.attempts = 15;
    let late = waited(write(&held, retry(), false)).after;
    let timing = Timing::default();
    assert!(
        late > timing.retry_first && late <= timing.retry_max,
        "{late:?}"
    );
}

#[test]
fn a_lost_claim_writes_nothing() {
    let held = held(State::TpvmUpgrade);
    assert!(matches!(
        write(&held, Err(Setback::ClaimLost), true),
        Write::Nothing
    ));
}

#[test]
fn a_row_off_the_table_is_an_error() {
    let held = HeldStep {
        case: Some(Case::NormalUpgrade),
        ..held(State::TpvmInstallation)
    };
    let done = Ok(Done::because("done").into());
    let moment = Moment::default();
    settle(&held, done, moment, &Timing::default(), WAKE).unwrap_err();
}

/// A failure, and a deadline: each would hand the device over to the revert while the command is
/// still to arrive.
#[test]
fn no_state_fails_while_its_command_may_be_on_its_way() {
    let held = HeldStep {
        attempts: i32::MAX,
        ..held(State::TpvmUpgrade)
    };
    let failed: fn() -> Performed = || Err(Setback::failed("the disk is full", "mend it"));
    let late_only = &[true][..];
    for (performed, past) in [
        (failed, &[false, true][..]),
        (retry, late_only),
        (unreadable, late_only),
    ] {
        for past_deadline in past.iter().copied() {
            let moment = Moment {
                past_deadline,
                command_on_its_way: true,
                commanded: true,
                ..Moment::default()
            };
            let written = settle(&held, performed(), moment, &Timing::default(), WAKE).unwrap();
            let wait = waited(written);
            assert!(wait.why.contains("on its way"), "{}", wait.why);
            assert!(!wait.counts_as_attempt);
        }
    }
}

const REFUSED: &str = "the answer to tpvm_status is not understood: kernel oops";

fn unreadable() -> Performed {
    Err(Setback::unreadable(REFUSED, "compare the dialect file"))
}

fn commanded(past_deadline: bool) -> Moment {
    Moment {
        past_deadline,
        commanded: true,
        left: Duration::from_secs(1_000),
        ..Moment::default()
    }
}

fn after_a_command(held: &HeldStep, performed: Performed, past_deadline: bool) -> Write {
    let moment = commanded(past_deadline);
    settle(held, performed, moment, &Timing::default(), WAKE).unwrap()
}

#[test]
fn what_cannot_be_read_before_any_command_fails_the_state_with_its_text() {
    for state in State::ACTING {
        let moved = recorded(write(&held(state), unreadable(), false));
        assert_eq!(moved.failed_state, Some(state));
        let failure = moved.failure.unwrap();
        assert!(failure.cause.contains(REFUSED), "{}", failure.cause);
        assert_eq!(failure.remedy, remedy_in(state, "compare the dialect file"));
    }
}

#[test]
fn what_cannot_be_read_after_a_command_is_looked_at_again_and_kept() {
    for state in State::ACTING {
        // However often it was tried before.
        for attempts in [0, 1, 1_000] {
            let held = HeldStep {
                attempts,
                ..held(state)
            };
            let wait = waited(after_a_command(&held, unreadable(), false));
            assert!(wait.why.contains(REFUSED) && wait.after <= Timing::default().poll);
            let unread = wait.facts.unread.unwrap();
            assert_eq!((unread.state, &*unread.text), (state, REFUSED));
        }
    }
}

#[test]
fn transient_errors_after_a_command_have_no_number() {
    let held = HeldStep {
        attempts: 1_000,
        ..held(State::TpvmUpgrade)
    };
    waited(after_a_command(&held, retry(), false));
    recorded(after_a_command(&held, retry(), true));
    // A command of ours that is refused so often is evidence.
    let busy = Err(Setback::Busy {
        cause: "the switch is busy".to_owned(),
    });
    recorded(after_a_command(&held, busy, false));
}

#[test]
fn the_deadline_names_what_could_not_be_read() {
    let step = held(State::TpvmUpgrade);
    let cause = |held: &HeldStep, performed| {
        let moved = recorded(after_a_command(held, performed, true));
        moved.failure.unwrap().cause
    };
    let last = cause(&step, unreadable());
    assert!(last.contains("did not end within 1h") && last.contains(REFUSED));

    // Also where the last looks could read, and show what is not finished.
    let facts = waited(after_a_command(&step, unreadable(), false)).facts;
    let step = HeldStep { facts, ..step };
    for unfinished in [|| Ok(Progress::wait("it is busy")), retry, unreadable] {
        let cause = cause(&step, unfinished());
        assert_eq!(cause.matches(REFUSED).count(), 1, "{cause}");
    }
    // Until then it is shown with what the looks since then tell.
    for unfinished in [|| Ok(Progress::wait("it is busy")), retry] {
        let why = waited(after_a_command(&step, unfinished(), false)).why;
        assert_eq!(why.matches(REFUSED).count(), 1, "{why}");
    }
    // What an earlier state could not read is not this one's.
    let next = HeldStep {
        state: State::EfaDeployPeerAndRejoin,
        ..step
    };
    let cause = cause(&next, Ok(Progress::wait("it is busy")));
    assert!(!cause.contains(REFUSED), "{cause}");
}

#[test]
fn evidence_ends_a_state_after_a_command_too() {
    let failed = Err(Setback::failed("it runs 4.2.3", "remedy"));
    let moved = recorded(after_a_command(&held(State::TpvmUpgrade), failed, false));
    assert_eq!(moved.failure.unwrap().cause, "it runs 4.2.3");
}

/// Enough refused logins lock an account.
#[test]
fn refused_logins_after_a_command_are_few_until_the_deadline() {
    let timing = Timing::default();
    let state = State::TpvmUpgrade;
    let (mut passed, mut logins) = (Duration::ZERO, 0);
    while passed < timing.deadline(state) {
        let held = HeldStep {
            attempts: logins,
            ..held(state)
        };
        let refused = Err(Setback::Unreadable {
            cause: "the login was refused".to_owned(),
            remedy: "correct it".to_owned(),
            again: Again::Seldom,
        });
        let moment = Moment {
            left: timing.deadline(state) - passed,
            ..commanded(false)
        };
        passed += waited(settle(&held, refused, moment, &timing, WAKE).unwrap()).after;
        logins += 1;
    }
    assert!((5..=16).contains(&logins), "{logins}");
    assert!(passed <= timing.deadline(state) + timing.poll, "{passed:?}");
}

/// After a failed revert the TPVM is to be restored, whatever it failed from.
fn remedy_in(state: State, remedy: &str) -> &str {
    match state {
        State::TpvmRevert => RESTORE_BY_HAND,
        _ => remedy,
    }
}
