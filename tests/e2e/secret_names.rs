//! Which of the workers' secrets a request may have them write to a device: those that the
//! inventory allows for that purpose, and no other.

use std::collections::BTreeMap;

use ledger::Execution;
use schemas::{State, UpgradeRequest, Verdict};
use serde_json::{Value, json};
use simulator::{DeploymentOptions, Fleet, Standby};
use tests::{Trap, World};
use worker::points::Point;

use crate::checks::{assert_no_secrets, assert_upgraded, replaced};

/// The secret of the simulator's trusted peers.
const PEER: &str = "trusted-peer-password";

/// Two deployments whose standbys were replaced: both get a trusted peer.
fn two_replaced() -> Fleet {
    let replaced = DeploymentOptions {
        standby: Standby::Replaced,
        ..DeploymentOptions::default()
    };
    Fleet::with(&[replaced.clone(), replaced])
}

/// Loads the inventory as the command line does, with these lists.
async fn load(world: &World, allowed: &[&[&str]]) {
    let mut inventory = world.simulator.inventory();
    let deployments = inventory["deployments"].as_array_mut().unwrap();
    assert_eq!(deployments.len(), allowed.len());
    for (deployment, names) in deployments.iter_mut().zip(allowed) {
        deployment["trusted_peer_secrets"] = json!(names);
    }
    load_file(world, &inventory).await;
}

async fn load_file(world: &World, inventory: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.json");
    std::fs::write(&file, inventory.to_string()).unwrap();
    let loaded = world
        .cli(&["inventory", "load", file.to_str().unwrap()])
        .await;
    assert!(loaded.status.success(), "{loaded:?}");
}

fn naming(world: &World, secret: &str) -> UpgradeRequest {
    let mut request = world.request(0);
    request.trusted_peer_password_secret = Some(secret.parse().unwrap());
    request
}

async fn ended(world: &World, request: &UpgradeRequest) -> Execution {
    let id = world.accepted(request).await;
    world.finished(id).await
}

#[tokio::test]
async fn when_a_request_names_a_secret_that_is_not_allowed_then_the_device_receives_nothing() {
    let world = World::new(two_replaced()).await;
    // The deployment beside it allows all of them.
    let names = [
        PEER,
        "slx-password",
        "efa-password",
        "firmware-password",
        "no-such-secret",
    ];
    load(&world, &[&["another"], &names]).await;
    let _worker = world.worker();
    let deployment = world.simulator.inventory()["deployments"][0]["name"].clone();
    let deployment = deployment.as_str().unwrap();
    for name in names {
        let execution = ended(&world, &naming(&world, name)).await;
        assert_eq!(
            (execution.failed_state, execution.verdict),
            (Some(State::DeviceValidation), Some(Verdict::Failed)),
            "{execution:?}"
        );
        let cause = &execution.failure.as_ref().unwrap().cause;
        assert!(
            cause.contains(name) && cause.contains(deployment),
            "{cause}"
        );
        let received = world.standby(0).counts().received;
        assert_eq!(received, BTreeMap::new(), "{name}");
        assert_no_secrets(&world, &execution).await;
    }
    world.close().await;
}

#[tokio::test]
async fn when_the_remedy_of_a_secret_that_is_not_allowed_is_followed_then_the_next_request_succeeds()
 {
    let world = World::new(replaced()).await;
    load(&world, &[&[]]).await;
    let _worker = world.worker();
    let failed = ended(&world, &naming(&world, PEER)).await;
    let remedy = failed.failure.expect("a failure").remedy;

    // To the deployment that it names goes the line that it quotes.
    let mut inventory = world.simulator.inventory();
    let deployments = inventory["deployments"].as_array_mut().unwrap();
    let named = deployments.iter_mut().find(|one| {
        remedy.contains(&format!(
            "the deployment {} ",
            one["name"].as_str().unwrap()
        ))
    });
    let (_, line) = remedy
        .split_once("(trusted_peer_secrets = ")
        .expect("a line");
    let (list, _) = line.split_once("],").unwrap();
    named.expect("the deployment")["trusted_peer_secrets"] =
        serde_json::from_str(&format!("{list}]")).unwrap();
    assert!(remedy.contains("`tpvm-upgrade inventory load`"), "{remedy}");
    load_file(&world, &inventory).await;

    let execution = ended(&world, &naming(&world, PEER)).await;
    assert_upgraded(&world, &execution);
    assert!(world.standby(0).received("config:trusted-peer") > 0);
    world.close().await;
}

/// It was allowed when the upgrade began.
#[tokio::test]
async fn when_a_secret_is_allowed_no_more_then_no_later_state_writes_it() {
    let world = World::new(replaced()).await;
    let trap = Trap::stall(Point::Claimed).in_state(State::TpvmConfiguration);
    let worker = world.worker_at(trap);
    let id = world.accepted(&naming(&world, PEER)).await;
    worker.stalled().await;
    load(&world, &[&[]]).await;
    worker.signal("CONT").await;
    let execution = world.finished(id).await;
    assert_eq!(
        (execution.failed_state, execution.verdict),
        (Some(State::TpvmConfiguration), Some(Verdict::Failed)),
        "{execution:?}"
    );
    assert_eq!(world.standby(0).received("config:trusted-peer"), 0);
    assert_eq!(world.standby(0).state().running_config, None);
    world.close().await;
}
