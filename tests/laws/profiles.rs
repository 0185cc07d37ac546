//! The paths through the workflow over every kind of switch: what a session is like makes no
//! difference to what becomes of an upgrade.

use schemas::{Case, State};
use simulator::Profile;

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::PATIENT;
use crate::ways::ways;

/// A Normal Upgrade and a Node Replacement that succeed, one that is reverted, one that validation
/// refuses, and commands that the switch refuses.
fn upgrades(profile: Profile) -> Vec<Upgrade> {
    let failing = |case, states: &[State]| {
        let way = |state: &State| {
            let mut ways = ways(*state, case).into_iter();
            let way = ways.find(|way| way.carried_out);
            (*state, way.expect("each state fails in some way"))
        };
        let ways: Vec<_> = states.iter().map(way).collect();
        Upgrade::failing(case, &ways)
    };
    let refused = |case, state| {
        let way = ways(state, case)
            .into_iter()
            .find(|way| way.cause == "refused");
        Upgrade::failing(case, &[(state, way.expect("it can be refused"))])
    };
    let (normal, replacement) = (Case::NormalUpgrade, Case::NodeReplacement);
    let upgrades = vec![
        Upgrade::smooth(normal),
        Upgrade::smooth(replacement),
        failing(normal, &[State::TpvmUpgrade]),
        refused(normal, State::TpvmConfigValidation),
        refused(normal, State::TpvmUpgrade),
        refused(replacement, State::TpvmConfiguration),
        refused(replacement, State::TpvmInstallation),
    ];
    let on = |upgrade: Upgrade| upgrade.on(profile);
    upgrades.into_iter().map(on).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_switches_are_of_any_kind_then_upgrades_go_the_same_way() {
    let all: Vec<Upgrade> = Profile::ALL.into_iter().flat_map(upgrades).collect();
    let mut scene = Scene::open(all).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    let failed = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("profiles", failed);
    scene.close().await;
}
