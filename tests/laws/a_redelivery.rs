//! Law A: every message delivered twice, at once or later: same end, same device, no effect twice.
//!
//! Every message, the request and the revert among them, comes three times at once, to two
//! workers; and once more when everything has ended.

use std::collections::BTreeSet;

use crate::courier::{Message, Tap, states};
use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::PATIENT;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_times_is_as_good_as_once() {
    let mut scene = Scene::open(Upgrade::of_each_walk()).await;
    let mut tap = Tap::open(&scene.world).await;
    let workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    let mut seen = Vec::new();
    tokio::select! {
        () = triple(&mut tap, &mut seen) => panic!("the broker is gone"),
        () = scene.run() => {}
    }
    let kinds: BTreeSet<_> = seen.iter().map(|message| message.state).collect();
    assert_eq!(kinds, states(), "every kind of message was repeated");

    let before = scene.seen().await;
    let settled = || workers.iter().map(|worker| worker.settled()).sum::<usize>();
    let already = settled();
    for message in &seen {
        tap.deliver(message).await;
    }
    tests::until("each to be settled once more", || async {
        (settled() >= already + seen.len()).then_some(())
    })
    .await;
    assert_eq!(scene.seen().await, before);
    scene.check().await;
    assert_eq!(tap.waiting(&scene.world.names.dead_letter_queue()).await, 0);
    scene.close().await;
    let repeated = seen.iter().map(|message| message.state);
    tally(
        "A messages that came three times, and again at the end",
        repeated,
    );
}

/// Two copies of each message, as soon as it is on its way.
async fn triple(tap: &mut Tap, seen: &mut Vec<Message>) {
    while let Some(message) = tap.next().await {
        for _ in 0..2 {
            tap.deliver(&message).await;
        }
        seen.push(message);
    }
}
