//! A worker that is killed in each state: another one goes on, and nothing is done twice.

use std::time::Duration;

use schemas::{State, Verdict};
use simulator::{Fault, FaultKind, Fleet};
use tests::{World, until};

use crate::checks::{assert_nothing_twice, assert_upgraded, effects, normal, replaced};

const HOLD: FaultKind = FaultKind::Slow(Duration::from_millis(1500));

/// Kills the worker while it is in `state`, held up at the call `at`.
async fn kill_in(fleet: Fleet, state: State, at: &str) {
    let world = World::new(fleet).await;
    let hold = Fault::new(at, HOLD).once();
    world.fault(0, hold);
    let victim = world.worker();
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, state).await;
    received(&world, at).await;
    victim.kill().await;
    let _next = world.worker();
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    world.close().await;
}

async fn received(world: &World, at: &str) {
    until(&format!("{at} at the device"), || async {
        let count = world.standby(0).received(at) + world.efa(0).received(at);
        (count > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn killed_in_device_validation() {
    kill_in(normal(), State::DeviceValidation, "show-version").await;
}

#[tokio::test]
async fn killed_in_tpvm_config_validation() {
    kill_in(
        normal(),
        State::TpvmConfigValidation,
        "show-running-config-tpvm",
    )
    .await;
}

#[tokio::test]
async fn killed_in_tpvm_configuration() {
    kill_in(replaced(), State::TpvmConfiguration, "config:timezone").await;
}

#[tokio::test]
async fn killed_in_tpvm_installation() {
    kill_in(replaced(), State::TpvmInstallation, "deploy").await;
}

#[tokio::test]
async fn killed_in_tpvm_upgrade() {
    kill_in(normal(), State::TpvmUpgrade, "tpvm-upgrade").await;
}

#[tokio::test]
async fn killed_in_efa_deploy_peer_and_rejoin() {
    kill_in(
        normal(),
        State::EfaDeployPeerAndRejoin,
        "efa-redeploy-status",
    )
    .await;
}

/// The answer with the redeploy's id is lost with the worker: EFA's own status has to tell.
#[tokio::test]
async fn killed_while_the_redeploy_is_being_asked_for() {
    let world = World::new(normal()).await;
    world.fault(
        0,
        Fault::new("efa-redeploy", FaultKind::ApplyReplyLost).once(),
    );
    let victim = world.worker();
    let id = world.accepted(&world.request(0)).await;
    until("the redeploy", || async {
        (world.efa(0).effects("efa-redeploy") == 1).then_some(())
    })
    .await;
    victim.kill().await;
    let _next = world.worker();
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    world.close().await;
}

#[tokio::test]
async fn killed_in_tpvm_revert() {
    let world = World::new(normal()).await;
    let fails = FaultKind::RedeployFails("peer unreachable".to_owned());
    world.fault(0, Fault::new("efa-redeploy", fails));
    world.fault(0, Fault::new("tpvm-revert", HOLD).once());
    let victim = world.worker();
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::TpvmRevert).await;
    received(&world, "tpvm-revert").await;
    victim.kill().await;
    let _next = world.worker();
    let execution = world.finished(id).await;
    assert_eq!(execution.verdict, Some(Verdict::Reverted), "{execution:?}");
    assert_nothing_twice(&world);
    assert_eq!(effects(&world), [1, 0, 1, 1]);
    world.close().await;
}

/// Nobody is at work for a while, and then someone is again.
#[tokio::test]
async fn an_upgrade_survives_the_death_of_all_workers_again_and_again() {
    let world = World::new(normal()).await;
    let mut worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    for state in [
        State::DeviceValidation,
        State::TpvmUpgrade,
        State::EfaDeployPeerAndRejoin,
    ] {
        until(&format!("{state}"), || async {
            let execution = world.ledger.execution(id).await.unwrap().unwrap();
            (execution.state == state || execution.verdict.is_some()).then_some(())
        })
        .await;
        worker.kill().await;
        worker = world.worker();
    }
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    world.close().await;
}
