//! Law B: a permanent failure in each state ends where the table says, with exactly that
//! `failed_state`; a reverted device equals its state before.
//! Law F: a revert that can't is visible, with a remedy, and not tried for ever.

use ledger::Execution;
use schemas::{State, UpgradeRequest, Verdict};
use simulator::{Fault, FaultKind, Fleet, SwitchState, Tagged};
use tests::World;

use crate::checks::{assert_no_secrets, assert_nothing_twice, effects, normal, replaced};

/// Runs one upgrade to its end in a world that `spoil` prepared.
pub async fn run(
    fleet: Fleet,
    spoil: impl FnOnce(&World),
    change: impl FnOnce(&mut UpgradeRequest),
) -> (World, Execution) {
    let world = World::new(fleet).await;
    spoil(&world);
    let worker = world.worker();
    let mut request = world.request(0);
    change(&mut request);
    let id = world.accepted(&request).await;
    let execution = world.finished(id).await;
    drop(worker);
    assert_no_secrets(&world, &execution).await;
    let failure = execution.failure.as_ref().expect("a failure");
    assert!(
        !failure.cause.is_empty() && !failure.remedy.is_empty(),
        "{execution:?}"
    );
    assert_nothing_twice(&world);
    (world, execution)
}

pub fn unchanged(_: &mut UpgradeRequest) {}

pub fn assert_end(execution: &Execution, failed: State, verdict: Verdict) {
    assert_eq!(
        (execution.failed_state, execution.verdict),
        (Some(failed), Some(verdict)),
        "{execution:?}"
    );
}

pub fn switch_fault(on: &'static str, kind: FaultKind) -> impl FnOnce(&World) {
    move |world| world.fault(0, Fault::new(on, kind))
}

/// The device without what time and the simulator's own accounts change.
fn lasting(mut device: SwitchState) -> SwitchState {
    device.snapshot = None;
    device.tags.clear();
    device
}

#[tokio::test]
async fn a_refused_configuration_finishes() {
    let refuse = switch_fault("config:timezone", FaultKind::Refuse(None));
    let (world, execution) = run(replaced(), refuse, unchanged).await;
    assert_end(&execution, State::TpvmConfiguration, Verdict::Failed);
    assert_eq!(effects(&world), [0, 0, 0, 0]);
    world.close().await;
}

#[tokio::test]
async fn a_failed_installation_finishes() {
    let fails = FaultKind::InstallFails(Tagged::new("ADVANCED_FEATURES license is missing."));
    let (world, execution) = run(replaced(), switch_fault("deploy", fails), unchanged).await;
    assert_end(&execution, State::TpvmInstallation, Verdict::Failed);
    let cause = &execution.failure.as_ref().unwrap().cause;
    assert!(cause.contains("license is missing"), "{cause}");
    world.close().await;
}

#[tokio::test]
async fn an_installation_at_another_address_finishes() {
    let moved = FaultKind::ChangedIp([10, 20, 0, 77].into());
    let (world, execution) = run(replaced(), switch_fault("deploy", moved), unchanged).await;
    assert_end(&execution, State::TpvmInstallation, Verdict::Failed);
    world.close().await;
}

#[tokio::test]
async fn a_failed_upgrade_is_reverted() {
    for kind in [
        FaultKind::UpgradeFails(Tagged::new("failed to download image: no such file")),
        FaultKind::WrongVersionAfterUpgrade("4.9.9".to_owned()),
        FaultKind::ChangedIp([10, 20, 0, 77].into()),
        FaultKind::Refuse(None),
    ] {
        let what = format!("{kind:?}");
        let mut before = None;
        let spoil = |world: &World| {
            before = Some(lasting(world.standby(0).state()));
            switch_fault("tpvm-upgrade", kind)(world);
        };
        let (world, execution) = run(normal(), spoil, unchanged).await;
        assert_end(&execution, State::TpvmUpgrade, Verdict::Reverted);
        let path = world.path(execution.id).await;
        let end = [
            State::TpvmUpgrade,
            State::TpvmRevert,
            State::WorkflowFinished,
        ];
        assert_eq!(path.last_chunk(), Some(&end), "{what}");
        assert_eq!(Some(lasting(world.standby(0).state())), before, "{what}");
        let detail = execution.detail.as_deref().unwrap();
        assert!(
            detail.contains("4.2.4"),
            "says what it was reverted to: {detail}"
        );
        world.close().await;
    }
}

#[tokio::test]
async fn a_node_that_became_active_is_not_upgraded() {
    let active = switch_fault("show-running-config-tpvm", FaultKind::NodeGoesActive);
    let (world, execution) = run(normal(), active, unchanged).await;
    assert_end(&execution, State::TpvmUpgrade, Verdict::Reverted);
    assert_eq!(effects(&world), [0, 0, 0, 0]);
    world.close().await;
}

#[tokio::test]
async fn a_failed_redeploy_reverts_an_upgrade_and_finishes_a_replacement() {
    let fails = |world: &World| {
        let kind = FaultKind::RedeployFails("peer unreachable".to_owned());
        world.fault(0, Fault::new("efa-redeploy", kind));
    };
    let (world, execution) = run(normal(), fails, unchanged).await;
    assert_end(&execution, State::EfaDeployPeerAndRejoin, Verdict::Reverted);
    assert_eq!(effects(&world), [1, 0, 1, 1]);
    let device = world.standby(0).state();
    assert_eq!(
        (device.tpvm_version.as_deref(), device.running),
        (Some("4.2.4"), true)
    );
    world.close().await;

    let (world, execution) = run(replaced(), fails, unchanged).await;
    assert_end(&execution, State::EfaDeployPeerAndRejoin, Verdict::Failed);
    assert_eq!(effects(&world), [0, 1, 0, 1]);
    let path = world.path(execution.id).await;
    let end = [State::EfaDeployPeerAndRejoin, State::WorkflowFinished];
    assert_eq!(path.last_chunk(), Some(&end));
    world.close().await;
}

#[tokio::test]
async fn a_revert_that_fails_ends_visibly() {
    for kind in [
        FaultKind::RevertFails(Tagged::new("snapshot is damaged")),
        FaultKind::Refuse(Some("no snapshot to revert to".to_owned())),
    ] {
        let fails = |world: &World| {
            let redeploy = FaultKind::RedeployFails("peer unreachable".to_owned());
            world.fault(0, Fault::new("efa-redeploy", redeploy));
            world.fault(0, Fault::new("tpvm-revert", kind));
        };
        let (world, execution) = run(normal(), fails, unchanged).await;
        assert_end(&execution, State::TpvmRevert, Verdict::RevertFailed);
        let failure = execution.failure.as_ref().unwrap();
        assert!(failure.cause.contains("peer unreachable"), "{failure:?}");
        assert!(failure.cause.contains("revert"), "{failure:?}");
        assert_eq!(world.standby(0).received("tpvm-revert"), 1);
        world.close().await;
    }
}

/// A device that can't be reached is tried again, but not for ever.
#[tokio::test]
async fn retries_are_bounded() {
    let gone = switch_fault("show-version", FaultKind::LostBeforeEffect);
    let (world, execution) = run(normal(), gone, unchanged).await;
    assert_end(&execution, State::DeviceValidation, Verdict::Failed);
    assert_eq!(
        world.standby(0).received("show-version"),
        11,
        "once, and ten retries"
    );
    world.close().await;
}
