//! Law G: an old step's message, arriving late, changes nothing.
//!
//! Before each step's message is delivered, all earlier ones of the same upgrade are, the request
//! among them; and all once more after the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::courier::{Message, Tap, states};
use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::PATIENT;
use schemas::State;
use tests::{Process, patience};

const SOON: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_messages_change_nothing() {
    let mut scene = Scene::open(Upgrade::of_each_walk()).await;
    let worker = scene.world.worker_with(PATIENT);
    let mut tap = Tap::alone(&scene.world).await;
    // By upgrade, what was delivered; by number, the request being 0.
    let mut delivered: BTreeMap<usize, BTreeMap<i32, Message>> = BTreeMap::new();
    let requests: Vec<_> = scene
        .requests
        .iter()
        .map(|request| request.request_id)
        .collect();

    let mut early = Vec::new();
    let deliver_requests = async {
        while let Some(message) = tap.next().await {
            match requests.iter().position(|request| *request == message.id) {
                Some(n) => {
                    tap.deliver(&message).await;
                    delivered.entry(n).or_default().insert(0, message);
                }
                None => early.push(message),
            }
        }
    };
    scene.ids = tokio::select! {
        ids = scene.world.accepted_all(&scene.requests) => ids,
        () = deliver_requests => panic!("the broker is gone"),
    };

    let ended = async || {
        let filter = ledger::Filter {
            unfinished_only: true,
            ..ledger::Filter::default()
        };
        scene
            .world
            .ledger
            .executions(&filter)
            .await
            .unwrap()
            .is_empty()
    };
    let mut early = early.into_iter();
    let mut replayed: Vec<Option<State>> = Vec::new();
    let begun = Instant::now();
    while !ended().await {
        assert!(begun.elapsed() < patience(), "no end of all upgrades");
        let message = match early.next() {
            Some(message) => message,
            None => match tokio::time::timeout(SOON, tap.next()).await {
                Ok(message) => message.unwrap(),
                Err(_) => continue,
            },
        };
        let n = scene.ids.iter().position(|id| *id == message.id);
        let Some(n) = n else { continue };
        let known = delivered.entry(n).or_default();
        if !known.contains_key(&message.seq) {
            // The ledger is at this step, whose message nobody has seen.
            replay(&scene, n, &tap, &worker, known.values()).await;
            replayed.extend(known.values().map(|_| Some(message.state)));
            known.insert(message.seq, message.clone());
        }
        tap.deliver(&message).await;
    }
    scene.check().await;

    let all = delivered.values().flat_map(BTreeMap::values);
    let kinds: BTreeSet<_> = all.map(|message| message.state).collect();
    assert_eq!(kinds, states(), "every kind of message was delivered late");
    for (n, known) in &delivered {
        replay(&scene, *n, &tap, &worker, known.values()).await;
        replayed.extend(known.values().map(|_| None));
    }
    scene.check().await;
    assert_eq!(tap.waiting(&scene.world.names.dead_letter_queue()).await, 0);
    tally("G old messages before a step, or after the end", replayed);
    scene.close().await;
}

/// Delivers old messages, and sees that nothing comes of it.
async fn replay(
    scene: &Scene,
    n: usize,
    tap: &Tap,
    worker: &Process,
    old: impl Iterator<Item = &Message>,
) {
    let before = scene.seen_of(n).await;
    let settled = worker.settled_for(scene.ids[n]);
    let mut count = 0;
    for message in old {
        tap.deliver(message).await;
        count += 1;
    }
    tests::until("the old messages to be settled", || async {
        (worker.settled_for(scene.ids[n]) >= settled + count).then_some(())
    })
    .await;
    assert_eq!(scene.seen_of(n).await, before, "{}", scene.upgrades[n].name);
}
