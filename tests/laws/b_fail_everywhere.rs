//! Law B: a permanent failure in each state ends where the table says, with exactly that
//! `failed_state`; a reverted device equals its state before.

use std::collections::BTreeSet;

use schemas::{Case, State};

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::{PATIENT, SHORT_DEADLINES};
use crate::walks::Walk;
use crate::ways::{Way, endless, ways};

/// An upgrade for each of the ways in which each state but TPVM Revert can fail.
fn upgrades(ways: fn(State, Case) -> Vec<Way>) -> Vec<Upgrade> {
    let walks = Walk::all().into_iter();
    let fails_once = walks.filter(|walk| walk.failed().len() == 1);
    let fail = |walk: Walk| {
        let state = walk.failed()[0];
        let fail = move |way| Upgrade::failing(walk.case, &[(state, way)]);
        ways(state, walk.case).into_iter().map(fail)
    };
    fails_once.flat_map(fail).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_fails_as_the_table_says() {
    let upgrades = upgrades(ways);
    let failing: BTreeSet<_> = upgrades
        .iter()
        .map(|upgrade| upgrade.walk.clone())
        .collect();
    let all = Walk::all().into_iter();
    let once: BTreeSet<_> = all.filter(|walk| walk.failed().len() == 1).collect();
    assert_eq!(failing, once, "every failure arrow is taken");
    let mut scene = Scene::open(upgrades).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    let failed = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("B failures", failed);
    scene.close().await;
}

/// What never ends by itself is ended by the state's deadline. (An upgrade that never ends can't
/// be reverted either: see law F.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_fails_at_its_deadline() {
    let mut upgrades = upgrades(endless);
    upgrades.retain(|upgrade| upgrade.walk.failed() != [State::TpvmUpgrade]);
    let mut scene = Scene::open(upgrades).await;
    let _worker = scene.world.worker_with(SHORT_DEADLINES);
    scene.run().await;
    let late = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("B deadlines that passed", late);
    scene.close().await;
}
