//! Messages for workers that match nothing: what becomes of them, and that no upgrade notices.

use lapin::BasicProperties;
use schemas::{Revert, State, Step, V1, encode};
use tests::{Wire, World, reason, until};
use uuid::Uuid;

use crate::checks::{assert_upgraded, normal};

#[tokio::test]
async fn when_a_step_matches_nothing_then_it_is_dropped_or_kept_and_no_upgrade_notices() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    let (history, device) = (world.history(id).await, world.standby(0).state());
    let last = execution.seq;
    let step = |execution_id: Uuid, seq: i32, state: State| {
        let step = Step {
            version: V1,
            execution_id,
            seq,
            state,
        };
        (state, encode(&step))
    };
    let revert = |execution_id: Uuid, seq: i32| {
        let revert = Revert {
            version: V1,
            execution_id,
            seq,
            failed: State::TpvmUpgrade,
        };
        (State::TpvmRevert, encode(&revert))
    };
    let nobody = Uuid::new_v4();
    let (_, elsewhere) = step(id, 1, State::TpvmUpgrade);
    let cases = [
        // Older than the ledger's: a late copy.
        (step(id, 1, State::DeviceValidation), None),
        (step(id, 1, State::TpvmConfiguration), None),
        (step(id, last - 1, State::EfaDeployPeerAndRejoin), None),
        (revert(id, 2), None),
        // Another state than the ledger's, at its number; a number that it has not reached.
        (
            step(id, last, State::TpvmUpgrade),
            Some("the ledger has execution"),
        ),
        (revert(id, last), Some("the ledger has execution")),
        (
            step(id, last + 1, State::TpvmUpgrade),
            Some("the ledger has execution"),
        ),
        (
            step(id, i32::MAX, State::DeviceValidation),
            Some("the ledger has execution"),
        ),
        // Nothing of the kind.
        (
            step(nobody, 1, State::DeviceValidation),
            Some("the ledger has no execution"),
        ),
        (revert(nobody, 1), Some("the ledger has no execution")),
        // Of another queue.
        (
            (State::DeviceValidation, elsewhere),
            Some("does not belong into this queue"),
        ),
        (
            (State::TpvmUpgrade, b"{}".to_vec()),
            Some("not a valid step"),
        ),
    ];
    let wire = Wire::open(&world).await;
    let dead = world.names.dead_letter_queue();
    for ((state, body), kept) in cases {
        let what = format!("{state}: {}", String::from_utf8_lossy(&body));
        let queue = world.names.state_queue(state).unwrap();
        wire.publish("", &queue, &body, BasicProperties::default())
            .await;
        // What comes behind it in the queue shows that it was dealt with.
        let marker = format!("{{\"marker\":\"{}\"}}", Uuid::new_v4());
        wire.publish("", &queue, marker.as_bytes(), BasicProperties::default())
            .await;
        let expected = 1 + u32::from(kept.is_some());
        until(&what, || async {
            (wire.ready(&dead).await >= expected).then_some(())
        })
        .await;
        let letters = wire.drain(&dead).await;
        let letters: Vec<_> = letters
            .iter()
            .filter(|one| one.data != marker.as_bytes())
            .collect();
        match kept {
            None => assert!(letters.is_empty(), "{what}: {letters:?}"),
            Some(why) => {
                assert_eq!(letters.len(), 1, "{what}: {letters:?}");
                assert_eq!(letters[0].data, body);
                assert!(
                    reason(letters[0]).contains(why),
                    "{what}: {}",
                    reason(letters[0])
                );
            }
        }
    }
    assert_eq!(world.history(id).await, history);
    assert_eq!(world.standby(0).state(), device);
    world.close().await;
}
