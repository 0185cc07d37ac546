//! Law D: for each command, the device applies it and the reply is lost: converges by observing.
//!
//! Every command and every configuration line × every way to lose or garble its answer, or the
//! command itself; and every call that only reads, whose answer is lost.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{Case, State};
use simulator::{CALLS, Fault, FaultKind};
use tests::DISRUPTIVE;

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::PATIENT;
use crate::ways::ways;

/// The commands and endpoints that an upgrade has no use for.
const UNUSED: [&str; 8] = [
    "show-chassis",
    "tpvm-start",
    "tpvm-stop",
    "tpvm-clear-tag",
    "unknown",
    // A session is closed without a word.
    "exit",
    // Only once a token has expired.
    "efa-token-refresh",
    "efa-active-tpvm-reboot",
];

/// Upgrades that use every call there is a use for.
fn upgrades() -> [Upgrade; 3] {
    let failing = State::EfaDeployPeerAndRejoin;
    let fails = ways(failing, Case::NormalUpgrade).remove(0);
    [
        Upgrade::smooth(Case::NormalUpgrade),
        Upgrade::smooth(Case::NodeReplacement),
        Upgrade::failing(Case::NormalUpgrade, &[(failing, fails)]),
    ]
}

/// The call takes effect, and its answer does not arrive as it was sent.
fn lost_answers() -> [FaultKind; 4] {
    [
        FaultKind::ApplyReplyLost,
        FaultKind::Garbage,
        FaultKind::DropAfterBytes(0),
        FaultKind::DropAfterBytes(17),
    ]
}

/// The call has no effect, and does not say so.
fn lost_calls() -> [FaultKind; 2] {
    [FaultKind::LostBeforeEffect, FaultKind::AcceptWithoutEffect]
}

/// What can happen to a call so that the upgrade goes on as if nothing had been.
fn losses(call: &str) -> Vec<FaultKind> {
    match call {
        _ if DISRUPTIVE.contains(&call) => [&lost_answers()[..], &lost_calls()].concat(),
        // A line that the device accepted and did not take shows at once, and fails.
        _ if call.starts_with("config:") => {
            [&lost_answers()[..], &[FaultKind::LostBeforeEffect]].concat()
        }
        // What is read and not understood: see law I.
        _ => vec![FaultKind::LostBeforeEffect, FaultKind::DropAfterBytes(17)],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_out_by_looking() {
    let mut users: BTreeMap<&str, Upgrade> = BTreeMap::new();
    for (upgrade, calls) in received().await {
        for call in calls {
            users.entry(call).or_insert_with(|| upgrade.clone());
        }
    }
    let used: BTreeSet<&str> = users.keys().copied().collect();
    let known: BTreeSet<&str> = CALLS
        .iter()
        .copied()
        .filter(|call| !UNUSED.contains(call))
        .collect();
    assert_eq!(
        used, known,
        "every call is used here, or known to be of no use"
    );

    let mut cast = Vec::new();
    for (call, upgrade) in users {
        for kind in losses(call) {
            let upgrade = upgrade.clone().with(Fault::new(call, kind.clone()).once());
            cast.push((upgrade, call, kind));
        }
    }
    let all = cast.iter().map(|(upgrade, ..)| upgrade.clone()).collect();
    let mut scene = Scene::open(all).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    for (n, (upgrade, call, kind)) in cast.iter().enumerate() {
        let (standby, efa) = (scene.world.standby(n), scene.world.efa(n));
        let left = [standby.faults(), efa.faults()].concat();
        let left = left
            .iter()
            .any(|fault| fault.on == *call && fault.kind == *kind);
        assert!(!left, "{}: the fault was not met", upgrade.name);
        if DISRUPTIVE.contains(call) {
            let sent = standby.received(call) + efa.received(call);
            let expected = if lost_calls().contains(kind) { 2 } else { 1 };
            assert_eq!(sent, expected, "{}: {call} sent", upgrade.name);
        }
    }
    let lost = cast.iter().map(|(_, call, _)| changed_in(call));
    tally("D answers and calls lost or garbled", lost);
    scene.close().await;
}

/// The state in which a call changes something. What is read, is read in many.
fn changed_in(call: &str) -> Option<State> {
    match call {
        "deploy" => Some(State::TpvmInstallation),
        "tpvm-upgrade" => Some(State::TpvmUpgrade),
        "tpvm-revert" => Some(State::TpvmRevert),
        "efa-redeploy" => Some(State::EfaDeployPeerAndRejoin),
        line if line.starts_with("config:") => Some(State::TpvmConfiguration),
        _ => None,
    }
}

/// Which calls each of the upgrades makes when nothing is lost.
async fn received() -> Vec<(Upgrade, Vec<&'static str>)> {
    let mut scene = Scene::open(upgrades().to_vec()).await;
    let _worker = scene.world.worker_with(PATIENT);
    scene.run().await;
    let mut all = Vec::new();
    for (n, upgrade) in scene.upgrades.iter().enumerate() {
        let (standby, efa) = (scene.world.standby(n), scene.world.efa(n));
        let made = |call: &&str| standby.received(call) + efa.received(call) > 0;
        all.push((
            upgrade.clone(),
            CALLS.iter().copied().filter(made).collect(),
        ));
    }
    scene.close().await;
    all
}
