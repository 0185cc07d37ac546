//! Upgrades that complete.

use schemas::{Case, Options, UpgradeRequest};
use simulator::{Fault, FaultKind, SwitchChange};
use tests::World;

use crate::checks::{
    NORMAL, REPLACEMENT, assert_no_secrets, assert_upgraded, effects, normal, replaced,
};

#[tokio::test]
async fn a_normal_upgrade_completes() {
    let world = World::new(normal()).await;
    let _workers = [world.worker(), world.worker()];
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(execution.case, Some(Case::NormalUpgrade));
    assert_eq!(world.path(id).await, NORMAL);
    assert_eq!(effects(&world), [1, 0, 0, 1]);
    assert_no_secrets(&world, &execution).await;
    world.close().await;
}

#[tokio::test]
async fn a_node_replacement_completes() {
    let world = World::new(replaced()).await;
    let _workers = [world.worker(), world.worker()];
    let persisted = world.standby(0).state().running_config;
    assert_eq!(persisted, None, "a replaced switch has no configuration");
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(execution.case, Some(Case::NodeReplacement));
    assert_eq!(world.path(id).await, REPLACEMENT);
    assert_eq!(effects(&world), [0, 1, 0, 1]);
    let config = world.standby(0).state().running_config.expect("programmed");
    assert!(
        config.iter().any(|item| item.starts_with("trusted-peer")),
        "{config:?}"
    );
    assert_no_secrets(&world, &execution).await;
    world.close().await;
}

/// The table's arrows are walked, and no state finds anything to do.
#[tokio::test]
async fn a_tpvm_at_its_target_is_left_alone() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let request = UpgradeRequest {
        tpvm_image: "/images/tpvm_x86_64-4.2.4-0.amd64.deb".parse().unwrap(),
        ..world.request(0)
    };
    let before = world.standby(0).state();
    let id = world.accepted(&request).await;
    let execution = world.finished(id).await;
    assert_eq!(
        execution.verdict,
        Some(schemas::Verdict::Succeeded),
        "{execution:?}"
    );
    assert_eq!(world.path(id).await, NORMAL);
    assert_eq!(effects(&world), [0, 0, 0, 0]);
    assert_eq!(world.standby(0).state(), before);
    world.close().await;
}

#[tokio::test]
async fn a_forced_upgrade_to_the_same_version_is_carried_out_once() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let request = UpgradeRequest {
        tpvm_image: "/images/tpvm_x86_64-4.2.4-0.amd64.deb".parse().unwrap(),
        options: Options {
            force: true,
            clean_redeploy: false,
        },
        ..world.request(0)
    };
    let id = world.accepted(&request).await;
    let execution = world.finished(id).await;
    assert_eq!(
        execution.verdict,
        Some(schemas::Verdict::Succeeded),
        "{execution:?}"
    );
    assert_eq!(effects(&world), [1, 0, 0, 1]);
    world.close().await;
}

#[tokio::test]
async fn a_device_that_differs_from_the_efa_db_wins() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let drift = SwitchChange {
        config: vec!["ntp 10.31.2.99".to_owned()],
        ..SwitchChange::default()
    };
    world.standby(0).set(drift).unwrap();
    let request = world.request(0);
    let id = world.accepted(&request).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    let target = world
        .ledger
        .target(request.ip_address)
        .await
        .unwrap()
        .unwrap();
    let ntp = target.tpvm_config.unwrap().ntp_server.unwrap();
    assert_eq!(ntp.as_str(), "10.31.2.99");
    let history = world.history(id).await;
    let changes: Vec<_> = history
        .iter()
        .filter_map(|row| row.facts.config_changes.clone())
        .collect();
    assert_eq!(changes.len(), 1, "{history:?}");
    assert!(
        changes[0]
            .iter()
            .any(|change| change.contains("10.31.2.99")),
        "{changes:?}"
    );
    world.close().await;
}

/// Right after an upgrade EFA still shows the peer as up. That is no reason to skip the redeploy.
#[tokio::test]
async fn a_stale_healthy_status_is_not_taken_for_success() {
    let world = World::new(normal()).await;
    world.fault(
        0,
        Fault::new("efa-status", FaultKind::StaleStatus).times(20),
    );
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(effects(&world), [1, 0, 0, 1]);
    world.close().await;
}

#[tokio::test]
async fn pools_that_each_serve_some_states_carry_an_upgrade_together() {
    let world = World::new(normal()).await;
    let _validators =
        world.worker_with("[worker]\nstates = ['device-validation', 'tpvm-config-validation']");
    let _others = world.worker_with(
        "[worker]\nserve_requests = false\n\
         states = ['tpvm-upgrade', 'tpvm-revert', 'efa-deploy-peer-and-rejoin']",
    );
    let id = world.accepted(&world.request(0)).await;
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    let workers: Vec<_> = world
        .history(id)
        .await
        .into_iter()
        .map(|row| row.worker)
        .collect();
    assert_eq!(
        workers[1..],
        ["worker-0", "worker-0", "worker-1", "worker-1"]
    );
    world.close().await;
}
