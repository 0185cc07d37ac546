//! Law F: a revert that fails ends visibly, with a remedy, and is never retried for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use schemas::{Case, State, Verdict};
use simulator::{Fault, FaultKind};

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::{PATIENT, SHORT_DEADLINES};
use crate::walks::Walk;
use crate::ways::{Way, endless, ways};

/// An upgrade for each way in which a revert fails, after a failure in each state that leads
/// to one.
fn upgrades(reverts: Vec<Way>) -> Vec<Upgrade> {
    let walks = Walk::all().into_iter();
    let walks = walks.filter(|walk| walk.verdict() == Verdict::RevertFailed);
    let fail = |walk: Walk| {
        let first = walk.failed()[0];
        let effective = ways(first, walk.case)
            .into_iter()
            .find(|way| way.carried_out);
        let effective = effective.expect("a failure after which there is something to revert");
        let fail = move |revert: &Way| {
            let ways = [
                (first, effective.clone()),
                (State::TpvmRevert, revert.clone()),
            ];
            Upgrade::failing(walk.case, &ways)
        };
        reverts.iter().map(fail).collect::<Vec<_>>()
    };
    walks.flat_map(fail).collect()
}

/// What the device can't tell in the upgrade, it can't tell in the revert either.
fn unreadable() -> Vec<Upgrade> {
    let kinds = [
        (FaultKind::Refuse(None), "refused"),
        (FaultKind::Garbage, "not understood"),
        (FaultKind::LostBeforeEffect, "tried 11 times"),
    ];
    let fail = |(kind, cause)| {
        let way = Way {
            faults: vec![Fault::new("show-tpvm-snapshot", kind)],
            cause,
            carried_out: false,
        };
        let silent = Way {
            faults: Vec::new(),
            ..way.clone()
        };
        let ways = [(State::TpvmUpgrade, way), (State::TpvmRevert, silent)];
        Upgrade::failing(Case::NormalUpgrade, &ways)
    };
    kinds.into_iter().map(fail).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revert_that_fails_ends_visibly() {
    let upgrades = [
        upgrades(ways(State::TpvmRevert, Case::NormalUpgrade)),
        unreadable(),
    ]
    .concat();
    let walks: BTreeSet<_> = upgrades
        .iter()
        .map(|upgrade| upgrade.walk.clone())
        .collect();
    let all = Walk::all().into_iter();
    let failed: BTreeSet<_> = all.filter(|walk| walk.failed().len() == 2).collect();
    assert_eq!(walks, failed, "a revert fails after each failure");
    let mut scene = Scene::open(upgrades).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    never_again(&scene).await;
    let failed = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("F failures whose revert failed too", failed);
    scene.close().await;
}

/// Also after an upgrade that never ends, which can't be reverted while it is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revert_that_never_ends_is_ended_by_its_deadline() {
    let under_way = endless(State::TpvmUpgrade, Case::NormalUpgrade).remove(0);
    let busy = Way {
        faults: Vec::new(),
        carried_out: false,
        ..under_way.clone()
    };
    let ways = [(State::TpvmUpgrade, under_way), (State::TpvmRevert, busy)];
    let mut upgrades = upgrades(endless(State::TpvmRevert, Case::NormalUpgrade));
    upgrades.push(Upgrade::failing(Case::NormalUpgrade, &ways));
    let mut scene = Scene::open(upgrades).await;
    let _worker = scene.world.worker_with(SHORT_DEADLINES);
    scene.run().await;
    never_again(&scene).await;
    let endless = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("F failures whose revert never ended", endless);
    scene.close().await;
}

/// The end is the end: the ledger is due to do nothing more, and no device hears another word.
async fn never_again(scene: &Scene) {
    let heard = |n: usize| scene.world.standby(n).received("tpvm-revert");
    let (seen, all) = (scene.seen().await, 0..scene.upgrades.len());
    let before: Vec<_> = all.clone().map(heard).collect();
    let sends = before.iter().max().unwrap();
    // Twice at most, but for a device that is busy: it refuses the first one and ten more.
    assert!(*sends <= 11, "a revert was sent {sends} times");
    // Many rounds of the due loop, and longer than a claim.
    let due = scene.world.ledger.due(1000, Duration::ZERO).await.unwrap();
    assert_eq!(due, []);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(all.map(heard).collect::<Vec<_>>(), before);
    assert_eq!(scene.seen().await, seen);
}
