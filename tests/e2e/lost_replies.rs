//! Law D: for each command, the device applies it and the reply is lost: the upgrade converges by
//! observing, and the command is not sent again.

use schemas::Verdict;
use simulator::{Fault, FaultKind, Fleet};
use tests::World;

use crate::checks::{assert_no_secrets, assert_upgraded, effects, normal, replaced};

/// What can come back instead of the answer to a command that took effect.
fn losses() -> [FaultKind; 4] {
    [
        FaultKind::ApplyReplyLost,
        FaultKind::Garbage,
        FaultKind::DropAfterBytes(0),
        FaultKind::DropAfterBytes(17),
    ]
}

async fn converges(fleet: Fleet, on: &str, kind: FaultKind, expected: [u64; 4]) {
    let what = format!("{on}: {kind:?}");
    let world = World::new(fleet).await;
    let fault = Fault::new(on, kind).once();
    world.fault(0, fault);
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(effects(&world), expected, "{what}");
    assert_no_secrets(&world, &execution).await;
    world.close().await;
}

#[tokio::test]
async fn of_tpvm_upgrade() {
    for kind in losses() {
        converges(normal(), "tpvm-upgrade", kind, [1, 0, 0, 1]).await;
    }
}

#[tokio::test]
async fn of_deploy() {
    for kind in losses() {
        converges(replaced(), "deploy", kind, [0, 1, 0, 1]).await;
    }
}

#[tokio::test]
async fn of_the_redeploy() {
    for kind in losses() {
        converges(normal(), "efa-redeploy", kind, [1, 0, 0, 1]).await;
    }
}

#[tokio::test]
async fn of_a_line_of_configuration() {
    for item in ["config:password", "config:timezone", "config:trusted-peer"] {
        converges(replaced(), item, FaultKind::ApplyReplyLost, [0, 1, 0, 1]).await;
    }
}

#[tokio::test]
async fn of_tpvm_revert() {
    for kind in losses() {
        let what = format!("{kind:?}");
        let world = World::new(normal()).await;
        let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
        world.fault(0, Fault::new("efa-redeploy", fails));
        world.fault(0, Fault::new("tpvm-revert", kind).once());
        let _worker = world.worker();
        let id = world.accepted(&world.request(0)).await;
        let execution = world.finished(id).await;
        assert_eq!(
            execution.verdict,
            Some(Verdict::Reverted),
            "{what}: {execution:?}"
        );
        assert_eq!(effects(&world), [1, 0, 1, 1], "{what}");
        assert_eq!(world.standby(0).received("tpvm-revert"), 1, "{what}");
        world.close().await;
    }
}

/// A command that never arrived, or that was accepted and did nothing, is sent once more: but
/// only after the device has shown long enough that nothing came of it.
#[tokio::test]
async fn a_command_without_a_trace_is_sent_once_more() {
    for kind in [FaultKind::LostBeforeEffect, FaultKind::AcceptWithoutEffect] {
        converges(normal(), "tpvm-upgrade", kind.clone(), [1, 0, 0, 1]).await;
        converges(replaced(), "deploy", kind, [0, 1, 0, 1]).await;
    }
}
