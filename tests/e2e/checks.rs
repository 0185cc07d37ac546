//! What several tests assert in the same way.

use ledger::Execution;
use schemas::{State, Verdict};
use simulator::{DeploymentOptions, Fleet, Standby};
use tests::World;

pub const NORMAL: [State; 6] = [
    State::WorkflowStarted,
    State::DeviceValidation,
    State::TpvmConfigValidation,
    State::TpvmUpgrade,
    State::EfaDeployPeerAndRejoin,
    State::WorkflowFinished,
];

pub const REPLACEMENT: [State; 7] = [
    State::WorkflowStarted,
    State::DeviceValidation,
    State::TpvmConfigValidation,
    State::TpvmConfiguration,
    State::TpvmInstallation,
    State::EfaDeployPeerAndRejoin,
    State::WorkflowFinished,
];

/// One deployment with an installed standby.
pub fn normal() -> Fleet {
    Fleet::generate(1)
}

/// One deployment whose standby was replaced.
pub fn replaced() -> Fleet {
    Fleet::with(&[DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    }])
}

/// How often the first deployment carried out each of [`tests::DISRUPTIVE`].
pub fn effects(world: &World) -> [u64; 4] {
    world.effects(0)
}

/// Each at most once.
pub fn assert_nothing_twice(world: &World) {
    let effects = effects(world);
    assert!(
        effects.iter().all(|count| *count <= 1),
        "upgrade, deploy, revert, redeploy: {effects:?}"
    );
}

/// The upgrade ended as asked: the device runs the new version and EFA has rejoined.
pub fn assert_upgraded(world: &World, execution: &Execution) {
    assert_eq!(
        execution.verdict,
        Some(Verdict::Succeeded),
        "{execution:?}\n{}",
        world.logs()
    );
    assert_eq!(execution.failed_state, None, "{execution:?}");
    let device = world.standby(0).state();
    assert_eq!(
        (device.tpvm_version.as_deref(), device.running),
        (Some("4.2.5"), true),
        "{device:?}"
    );
    let nodes = world.efa(0).state().nodes;
    assert!(nodes.iter().all(|node| node.status == "up"), "{nodes:?}");
    assert_nothing_twice(world);
}

/// Nothing secret has reached a log, the ledger or its history.
pub async fn assert_no_secrets(world: &World, execution: &Execution) {
    let history = world.history(execution.id).await;
    let everything = format!("{}{execution:?}{history:?}", world.logs());
    for secret in world.secrets() {
        assert!(
            !everything.contains(&secret),
            "a secret shows in {everything}"
        );
    }
}
