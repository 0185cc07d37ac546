//! Law C: law B with each revert repeated: its message delivered again, and its step performed
//! again after a crash.

use schemas::{Case, State, Verdict};
use tests::Trap;
use worker::points::Point;

use crate::courier::Tap;
use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::PATIENT;
use crate::walks::Walk;
use crate::ways::ways;

/// An upgrade for each of the ways that lead to a revert.
fn reverted() -> Vec<Upgrade> {
    let walks = Walk::all().into_iter();
    let reverted = walks.filter(|walk| walk.verdict() == Verdict::Reverted);
    let fail = |walk: Walk| {
        let state = walk.failed()[0];
        let fail = move |way| Upgrade::failing(Case::NormalUpgrade, &[(state, way)]);
        ways(state, walk.case).into_iter().map(fail)
    };
    reverted.flat_map(fail).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_revert_repeated_is_as_good_as_once() {
    let mut scene = Scene::open(reverted()).await;
    let mut tap = Tap::open(&scene.world).await;
    let commands = scene.upgrades.iter().map(|upgrade| upgrade.effects()[2]);
    let commands = u32::try_from(commands.sum::<u64>()).unwrap();
    // Once all have sent their command, and then at the first record.
    let traps = [
        Trap::crash(Point::Commanded).nth(commands),
        Trap::crash(Point::Recorded),
    ];
    let crashes = async |scene: &mut Scene| {
        let victims = traps.map(|trap| trap.in_state(State::TpvmRevert));
        let first = scene.world.worker_at_with(victims[0], PATIENT);
        scene.request().await;
        first.killed("all reverts commanded").await;
        let second = scene.world.worker_at_with(victims[1], PATIENT);
        second.killed("a revert recorded").await;
        let last = scene.world.worker_with(PATIENT);
        scene.ended().await;
        last
    };
    let _last = tokio::select! {
        () = repeat_reverts(&mut tap) => panic!("the broker is gone"),
        last = crashes(&mut scene) => last,
    };
    scene.check().await;
    let reverted = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("C failures whose revert was repeated", reverted);
    scene.close().await;
}

async fn repeat_reverts(tap: &mut Tap) {
    while let Some(message) = tap.next().await {
        if message.state == State::TpvmRevert {
            for _ in 0..2 {
                tap.deliver(&message).await;
            }
        }
    }
}
