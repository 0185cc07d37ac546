//! Law E, with a process that dies at the same point of the same state every time: the upgrade ends
//! all the same, and says so.

use std::time::Duration;

use ledger::Execution;
use schemas::{Case, State, Verdict};
use tests::Trap;
use worker::points::Point;

use crate::scene::{Scene, Upgrade};
use crate::timing::PATIENT_AND_QUICK;

/// `timing.max_deaths`, by default.
const MAX_DEATHS: usize = 5;

/// How it ends, how many workers have died by then, and what has been done to the device.
async fn die_until_the_end(case: Case, point: Point, state: State) -> (Execution, usize, [u64; 4]) {
    let scene = Scene::open(vec![Upgrade::smooth(case)]).await;
    let accepted = scene
        .world
        .ledger
        .accept(&scene.requests[0], Duration::ZERO);
    let ledger::Acceptance::Accepted { execution_id, .. } = accepted.await.unwrap() else {
        panic!("not accepted")
    };
    let mut deaths = 0;
    let execution = loop {
        assert!(deaths <= MAX_DEATHS, "it goes on for ever");
        let trap = Trap::crash(point).in_state(state);
        let victim = scene.world.worker_at_with(trap, PATIENT_AND_QUICK);
        let what = format!("{point} in {state}");
        tokio::select! {
            () = victim.killed(&what) => deaths += 1,
            execution = scene.world.finished(execution_id) => break execution,
        }
    };
    let effects = scene.world.effects(0);
    scene.close().await;
    (execution, deaths, effects)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_workers_die_once_they_have_claimed_a_step_then_its_state_fails_without_being_run() {
    for (case, state, verdict) in [
        (
            Case::NormalUpgrade,
            State::DeviceValidation,
            Verdict::Failed,
        ),
        (Case::NormalUpgrade, State::TpvmUpgrade, Verdict::Reverted),
        (
            Case::NodeReplacement,
            State::TpvmInstallation,
            Verdict::Failed,
        ),
    ] {
        let (execution, deaths, effects) = die_until_the_end(case, Point::Claimed, state).await;
        assert_eq!(deaths, MAX_DEATHS, "{execution:?}");
        assert_eq!(execution.verdict, Some(verdict), "{execution:?}");
        assert_eq!(execution.failed_state, Some(state));
        let failure = execution.failure.unwrap();
        assert!(
            failure.cause.contains("5 workers in a row died"),
            "{failure:?}"
        );
        assert!(
            failure.remedy.contains("request the upgrade again"),
            "{failure:?}"
        );
        assert_eq!(effects, [0; 4], "{state}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_workers_die_once_they_have_sent_a_command_then_it_was_sent_once() {
    let (execution, deaths, effects) =
        die_until_the_end(Case::NormalUpgrade, Point::Commanded, State::TpvmUpgrade).await;
    assert_eq!(execution.verdict, Some(Verdict::Succeeded), "{execution:?}");
    assert_eq!((deaths, effects[0]), (1, 1));
}
