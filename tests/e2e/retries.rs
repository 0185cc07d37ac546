//! A transient error in each state: the step is tried again, and the upgrade goes on as if
//! nothing had been.

use simulator::{Fault, FaultKind, Fleet};
use tests::World;

use crate::checks::{assert_upgraded, effects, normal, replaced};

async fn goes_on(fleet: Fleet, on: &str, after: u64, expected: [u64; 4]) {
    let world = World::new(fleet).await;
    let fault = Fault::new(on, FaultKind::LostBeforeEffect)
        .after(after)
        .times(2);
    world.fault(0, fault);
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(effects(&world), expected, "{on}");
    let left = [world.standby(0).faults(), world.efa(0).faults()].concat();
    assert_eq!(left, [], "{on} was called often enough to meet the fault");
    world.close().await;
}

#[tokio::test]
async fn in_each_state_of_a_normal_upgrade() {
    for (on, after) in [
        ("show-version", 0),             // Device Validation
        ("show-running-config-tpvm", 0), // TPVM Config Validation
        ("show-tpvm-snapshot", 0),       // TPVM Upgrade, before the command
        ("show-tpvm-snapshot", 1),       // and after it
        ("show-running-config-tpvm", 1), // EFA Deploy Peer and Rejoin, before the request
        ("efa-redeploy-status", 0),      // and after it
    ] {
        goes_on(normal(), on, after, [1, 0, 0, 1]).await;
    }
}

#[tokio::test]
async fn in_each_state_of_a_node_replacement() {
    for (on, after) in [
        ("config:tpvm", 0),        // TPVM Configuration
        ("show-tpvm-snapshot", 0), // TPVM Installation, before the command
        ("show-tpvm-snapshot", 1), // and after it
    ] {
        goes_on(replaced(), on, after, [0, 1, 0, 1]).await;
    }
}

#[tokio::test]
async fn in_tpvm_revert() {
    let world = World::new(normal()).await;
    let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
    world.fault(0, Fault::new("efa-redeploy", fails));
    let lost = Fault::new("tpvm-revert", FaultKind::LostBeforeEffect).once();
    world.fault(0, lost);
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_eq!(
        execution.verdict,
        Some(schemas::Verdict::Reverted),
        "{execution:?}"
    );
    assert_eq!(effects(&world), [1, 0, 1, 1]);
    world.close().await;
}
