//! The workflow against the vendor's table, transcribed by hand from the topic "TPVM Upgrade
//! Workflow States" of the EFA Deployment Guide.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use schemas::Case::{NodeReplacement, NormalUpgrade};
use schemas::Outcome::{Failure, Success};
use schemas::State::{self, *};
use schemas::{Case, Outcome, Verdict, next, next_undecided};

const BOTH: &[Case] = &[NormalUpgrade, NodeReplacement];
const NORMAL: &[Case] = &[NormalUpgrade];
const REPLACEMENT: &[Case] = &[NodeReplacement];

/// State, cases, outcome, next state: in the order of the vendor's rows.
const TABLE: &[(State, &[Case], Outcome, State)] = &[
    (WorkflowStarted, BOTH, Success, DeviceValidation),
    (DeviceValidation, BOTH, Success, TpvmConfigValidation),
    (DeviceValidation, BOTH, Failure, WorkflowFinished),
    (TpvmConfigValidation, NORMAL, Success, TpvmUpgrade),
    (TpvmConfigValidation, NORMAL, Failure, WorkflowFinished),
    (
        TpvmConfigValidation,
        REPLACEMENT,
        Success,
        TpvmConfiguration,
    ),
    (TpvmConfigValidation, REPLACEMENT, Failure, WorkflowFinished),
    (TpvmConfiguration, REPLACEMENT, Success, TpvmInstallation),
    (TpvmConfiguration, REPLACEMENT, Failure, WorkflowFinished),
    (
        TpvmInstallation,
        REPLACEMENT,
        Success,
        EfaDeployPeerAndRejoin,
    ),
    (TpvmInstallation, REPLACEMENT, Failure, WorkflowFinished),
    (TpvmUpgrade, NORMAL, Success, EfaDeployPeerAndRejoin),
    (TpvmUpgrade, NORMAL, Failure, TpvmRevert),
    (TpvmRevert, NORMAL, Success, WorkflowFinished),
    (TpvmRevert, NORMAL, Failure, WorkflowFinished),
    (EfaDeployPeerAndRejoin, BOTH, Success, WorkflowFinished),
    (EfaDeployPeerAndRejoin, NORMAL, Failure, TpvmRevert),
    // The row says TPVM Revert for both cases, and TPVM Revert's own row says Normal Upgrade only.
    // A replaced node has no snapshot to go back to: it finishes.
    (
        EfaDeployPeerAndRejoin,
        REPLACEMENT,
        Failure,
        WorkflowFinished,
    ),
];

fn expected(state: State, case: Case, outcome: Outcome) -> Option<State> {
    let mut rows = TABLE
        .iter()
        .filter(|(from, cases, on, _)| *from == state && cases.contains(&case) && *on == outcome);
    let found = rows.next().map(|row| row.3);
    assert!(rows.next().is_none(), "two rows for {state} {case}");
    found
}

#[test]
fn every_combination_is_the_tables() {
    let mut arrows = 0;
    for state in State::ALL {
        for case in Case::ALL {
            for outcome in Outcome::ALL {
                let found = next(state, case, outcome).ok();
                assert_eq!(
                    found,
                    expected(state, case, outcome),
                    "{state} {case} {outcome:?}"
                );
                arrows += usize::from(found.is_some());
            }
        }
    }
    let rows: usize = TABLE.iter().map(|(_, cases, _, _)| cases.len()).sum();
    assert_eq!(arrows, rows);
}

#[test]
fn an_arrow_that_is_not_there_is_named() {
    let error = next(TpvmRevert, NodeReplacement, Success).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the workflow has no arrow from tpvm-revert on success in the case node-replacement"
    );
    let error = next_undecided(TpvmConfigValidation, None, Success).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the workflow has no arrow from tpvm-config-validation on success in the case (undecided)"
    );
}

#[test]
fn without_a_case_both_must_agree() {
    for state in State::ALL {
        for outcome in Outcome::ALL {
            let [one, other] = Case::ALL.map(|case| expected(state, case, outcome));
            let agreed = one.filter(|_| one == other);
            assert_eq!(
                next_undecided(state, None, outcome).ok(),
                agreed,
                "{state} {outcome:?}"
            );
            for case in Case::ALL {
                assert_eq!(
                    next_undecided(state, Some(case), outcome),
                    next(state, case, outcome)
                );
            }
        }
    }
}

#[test]
fn every_way_ends() {
    // Nine states, none entered twice: eight arrows are the most that a way can have.
    fn walk(state: State, case: Case, seen: &mut Vec<State>) {
        assert!(!seen.contains(&state), "{state} twice in {seen:?}");
        seen.push(state);
        let mut left = false;
        for outcome in Outcome::ALL {
            if let Ok(to) = next(state, case, outcome) {
                left = true;
                walk(to, case, &mut seen.clone());
            }
        }
        assert_eq!(left, state != WorkflowFinished, "{state} is a dead end");
    }
    for case in Case::ALL {
        walk(WorkflowStarted, case, &mut Vec::new());
    }
}

#[test]
fn names_are_stable() {
    let states = [
        "workflow-started",
        "device-validation",
        "tpvm-config-validation",
        "tpvm-configuration",
        "tpvm-installation",
        "tpvm-upgrade",
        "tpvm-revert",
        "efa-deploy-peer-and-rejoin",
        "workflow-finished",
    ];
    assert_eq!(State::ALL.map(State::slug), states);
    assert_eq!(
        Case::ALL.map(Case::slug),
        ["normal-upgrade", "node-replacement"]
    );
    assert_eq!(Outcome::ALL.map(Outcome::slug), ["success", "failure"]);
    assert_eq!(
        Verdict::ALL.map(Verdict::slug),
        [
            "succeeded",
            "failed",
            "reverted",
            "revert-failed",
            "cancelled"
        ]
    );
    assert_eq!(DeviceValidation.failed_slug(), "device-validation-failed");
}

#[test]
fn json_and_text_say_the_slug() {
    fn check<T>(all: &[T], slug: impl Fn(&T) -> &'static str)
    where
        T: serde::Serialize
            + serde::de::DeserializeOwned
            + std::str::FromStr
            + PartialEq
            + std::fmt::Debug,
        T::Err: std::fmt::Debug,
    {
        for one in all {
            let json = format!("\"{}\"", slug(one));
            assert_eq!(serde_json::to_string(one).unwrap(), json);
            assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), one);
            assert_eq!(&slug(one).parse::<T>().unwrap(), one);
            assert!(slug(one).to_uppercase().parse::<T>().is_err());
        }
    }
    check(&State::ALL, |state| state.slug());
    check(&Case::ALL, |case| case.slug());
    check(&Outcome::ALL, |outcome| outcome.slug());
    check(&Verdict::ALL, |verdict| verdict.slug());
}

#[test]
fn acting_states_are_all_but_the_ends() {
    let acting: Vec<_> = State::ALL
        .into_iter()
        .filter(|state| ![WorkflowStarted, WorkflowFinished].contains(state))
        .collect();
    assert_eq!(acting, State::ACTING);
}
