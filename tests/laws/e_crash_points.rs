//! Law E: the process killed before claim, after claim, after intent, after command, after record,
//! after publish, before ack: same end. The kill is real (SIGKILL, by the process itself at the
//! named point), and another process goes on.
//!
//! Points × states, on a way of each case and on the two ways of a revert; in each run, a process
//! dies at the same point of every state in turn.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream;
use schemas::{Case, State};
use simulator::{Fault, FaultKind};
use tests::{Process, Trap};
use worker::points::Point;

use crate::scene::{Refusing, Scene, Upgrade};
use crate::tally::tally;
use crate::timing::PATIENT_AND_QUICK;
use crate::ways::{Way, ways};

/// How many runs go on at once.
const WIDTH: usize = 3;

/// An upgrade during which a process dies at a point of each of these states.
#[derive(Clone)]
struct Run {
    upgrade: Upgrade,
    point: Point,
    states: Vec<State>,
}

/// Whether messages that act in `state` pass a point; requests act in the first.
fn passes(point: Point, state: State) -> bool {
    let acting = State::ACTING.contains(&state);
    match point {
        Point::RequestReceived | Point::Accepted | Point::Replied => {
            state == State::WorkflowStarted
        }
        Point::Received
        | Point::Claimed
        | Point::Waited
        | Point::Recorded
        | Point::Settling
        | Point::DueTaken => acting,
        Point::Published => acting || state == State::WorkflowStarted,
        Point::Intended => is_disruptive(state),
        Point::Commanded => is_disruptive(state) || state == State::TpvmConfiguration,
    }
}

/// Whether a state sends a command that must not be sent twice.
fn is_disruptive(state: State) -> bool {
    match state {
        State::WorkflowStarted
        | State::DeviceValidation
        | State::TpvmConfigValidation
        | State::TpvmConfiguration
        | State::WorkflowFinished => false,
        State::TpvmInstallation
        | State::TpvmUpgrade
        | State::TpvmRevert
        | State::EfaDeployPeerAndRejoin => true,
    }
}

/// What makes a state wait that has no reason to.
fn hesitation(state: State) -> Option<Fault> {
    let on = match state {
        State::DeviceValidation => "show-version",
        State::TpvmConfigValidation => "show-running-config-tpvm",
        State::TpvmConfiguration => "config:tpvm",
        State::WorkflowStarted
        | State::TpvmInstallation
        | State::TpvmUpgrade
        | State::TpvmRevert
        | State::EfaDeployPeerAndRejoin
        | State::WorkflowFinished => return None,
    };
    Some(Fault::new(on, FaultKind::LostBeforeEffect).once())
}

/// All runs of one way, with a death at each point of each state from `first` on.
fn runs(upgrade: &Upgrade, first: State) -> Vec<Run> {
    let walked = upgrade.walk.steps.iter().map(|(state, _)| *state);
    let walked: Vec<State> = walked.skip_while(|state| *state != first).collect();
    let run = |point: Point| {
        let passing = walked.iter().filter(|state| passes(point, **state));
        let states: Vec<State> = passing.copied().collect();
        let mut upgrade = upgrade.clone();
        if matches!(point, Point::Waited | Point::DueTaken) {
            for fault in states.iter().filter_map(|state| hesitation(*state)) {
                upgrade = upgrade.with(fault);
            }
        }
        (!states.is_empty()).then_some(Run {
            upgrade,
            point,
            states,
        })
    };
    Point::ALL.into_iter().filter_map(run).collect()
}

fn smooth(case: Case) -> Vec<Run> {
    runs(&Upgrade::smooth(case), State::WorkflowStarted)
}

fn normal_upgrade() -> Vec<Run> {
    smooth(Case::NormalUpgrade)
}

fn node_replacement() -> Vec<Run> {
    smooth(Case::NodeReplacement)
}

fn failed_upgrade() -> Vec<Run> {
    let upgrade = State::TpvmUpgrade;
    let ways = [(upgrade, effective(upgrade))];
    runs(&Upgrade::failing(Case::NormalUpgrade, &ways), upgrade)
}

fn failed_redeploy_and_revert() -> Vec<Run> {
    let redeploy = State::EfaDeployPeerAndRejoin;
    let ways = [redeploy, State::TpvmRevert].map(|state| (state, effective(state)));
    let mut runs = runs(&Upgrade::failing(Case::NormalUpgrade, &ways), redeploy);
    for run in &mut runs {
        if run.point == Point::Commanded {
            run.upgrade.repeats_redeploy();
        }
    }
    runs
}

/// A redeploy that fails without anyone's having the answer: it is asked for once more, and
/// fails as it would have.
fn redeploy_without_an_answer() -> Vec<Run> {
    let state = State::EfaDeployPeerAndRejoin;
    let run = |case| {
        let mut upgrade = Upgrade::failing(case, &[(state, effective(state))]);
        upgrade.repeats_redeploy();
        Run {
            upgrade,
            point: Point::Commanded,
            states: vec![state],
        }
    };
    Case::ALL.into_iter().map(run).collect()
}

/// Workers die between intent and command more often than a command may be sent.
fn many_deaths_before_the_command() -> Vec<Run> {
    let run = |case| {
        let upgrade = Upgrade::smooth(case);
        let walked = upgrade.walk.steps.iter().map(|(state, _)| *state);
        let disruptive = walked.filter(|state| is_disruptive(*state));
        Run {
            states: disruptive.flat_map(|state| [state; 3]).collect(),
            upgrade,
            point: Point::Intended,
        }
    };
    Case::ALL.into_iter().map(run).collect()
}

fn effective(state: State) -> Way {
    let mut ways = ways(state, Case::NormalUpgrade).into_iter();
    ways.find(|way| way.carried_out).unwrap()
}

#[test]
fn every_point_of_every_state_is_died_at() {
    let runs = [
        normal_upgrade(),
        node_replacement(),
        failed_upgrade(),
        failed_redeploy_and_revert(),
        redeploy_without_an_answer(),
    ];
    let deaths = runs.iter().flatten().flat_map(|run| {
        let state = |state: &State| (run.point, *state);
        run.states.iter().map(state).collect::<Vec<_>>()
    });
    let deaths: BTreeSet<(Point, State)> = deaths.collect();
    let pairs = Point::ALL.into_iter().flat_map(|point| {
        let passing = State::ALL
            .into_iter()
            .filter(move |state| passes(point, *state));
        passing.map(move |state| (point, state))
    });
    assert_eq!(deaths, pairs.collect());
    let died: BTreeSet<Point> = deaths.into_iter().map(|(point, _)| point).collect();
    assert_eq!(died, Point::ALL.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_normal_upgrade() {
    all(
        "E deaths in a normal upgrade",
        normal_upgrade(),
        PATIENT_AND_QUICK,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_node_replacement() {
    all(
        "E deaths in a node replacement",
        node_replacement(),
        PATIENT_AND_QUICK,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_upgrade_that_fails_and_is_reverted() {
    all(
        "E deaths after an upgrade that fails",
        failed_upgrade(),
        PATIENT_AND_QUICK,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_redeploy_and_a_revert_that_fail() {
    all(
        "E deaths when redeploy and revert fail",
        failed_redeploy_and_revert(),
        PATIENT_AND_QUICK,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_redeploy_without_an_answer() {
    all(
        "E deaths without the redeploy's answer",
        redeploy_without_an_answer(),
        PATIENT_AND_QUICK,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_three_workers_die_before_a_command_then_it_is_sent_all_the_same() {
    all(
        "E deaths before commands, three of each",
        many_deaths_before_the_command(),
        PATIENT_AND_QUICK,
    )
    .await;
}

/// A listener refuses every event; what was to be told is told when it takes messages again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_upgrade_whose_events_are_refused() {
    let mut runs = normal_upgrade();
    runs.retain(|run| {
        matches!(
            run.point,
            Point::Accepted
                | Point::Recorded
                | Point::Published
                | Point::Settling
                | Point::DueTaken
        )
    });
    let deaths: Vec<State> = runs.iter().flat_map(|run| run.states.clone()).collect();
    stream::iter(runs)
        .for_each_concurrent(WIDTH, |run| async {
            let mut scene = Scene::open(vec![run.upgrade.clone()]).await;
            let refusing = Refusing::bind(&scene.world).await;
            let last = through(&mut scene, run, PATIENT_AND_QUICK).await;
            scene.check().await;
            refusing.hears_all(&scene.world, scene.ids[0]).await;
            drop(last);
            scene.close().await;
        })
        .await;
    tally("E deaths while a listener refuses", deaths);
}

async fn all(what: &str, runs: Vec<Run>, timing: &str) {
    let deaths: Vec<State> = runs.iter().flat_map(|run| run.states.clone()).collect();
    stream::iter(runs)
        .for_each_concurrent(WIDTH, |run| one(run, timing))
        .await;
    tally(what, deaths);
}

async fn one(run: Run, timing: &str) {
    let mut scene = Scene::open(vec![run.upgrade.clone()]).await;
    let _last = through(&mut scene, run, timing).await;
    scene.check().await;
    scene.close().await;
}

/// To the end of the upgrade, through all the deaths; the last worker goes on.
async fn through(scene: &mut Scene, run: Run, timing: &str) -> Process {
    let deaths = async {
        for state in run.states {
            let trap = Trap::crash(run.point).in_state(state);
            let victim = scene.world.worker_at_with(trap, timing);
            victim.killed(&format!("{} in {state}", run.point)).await;
        }
        scene.world.worker_with(timing)
    };
    let (ids, last) = tokio::join!(scene.world.accepted_all(&scene.requests), deaths);
    scene.ids = ids;
    scene.ended().await;
    last
}
