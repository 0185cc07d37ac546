//! The access to EFA, against simulated deployments over real HTTPS.

#![allow(clippy::unwrap_used)]

#[path = "efa/faults.rs"]
mod faults;
#[path = "support/lab.rs"]
mod lab;

use std::time::Duration;

use ledger::Target;
use simulator::{Fault, FaultKind, Fleet, Settings};
use worker::efa::{Efa, EfaApi, EfaClients, EfaError, EfaSettings, Effect, RedeployStatus, Role};

use lab::{Lab, PATIENCE, eventually, leave};

fn settings(lab: &Lab) -> EfaSettings {
    EfaSettings {
        ca_file: Some(lab.ca_file.clone()),
        connect_timeout: PATIENCE,
        request_timeout: PATIENCE,
        read_attempts: 3,
    }
}

fn target(lab: &Lab) -> Target {
    let deployment = lab.inventory.deployments[0].clone();
    Target {
        device: lab.device(1),
        deployment: deployment.name.to_string(),
        api_url: deployment.api_url,
        user: deployment.user,
        password_secret: deployment.password_secret,
        trusted_peer_secrets: deployment.trusted_peer_secrets,
        nodes: deployment.nodes,
        tpvm_config: lab.device(1).tpvm_config,
    }
}

fn open(lab: &Lab) -> Efa {
    open_with(lab, &settings(lab))
}

fn open_with(lab: &Lab, settings: &EfaSettings) -> Efa {
    let clients = EfaClients::new(settings).unwrap();
    clients.open(&target(lab), &lab.secrets()).unwrap()
}

#[tokio::test]
async fn a_healthy_deployment_is_read_with_one_login() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let efa = open(&lab);
    let nodes = efa.nodes().await.unwrap();
    let roles: Vec<_> = nodes
        .iter()
        .map(|node| (node.role.clone(), node.is_up()))
        .collect();
    assert_eq!(roles, [(Role::Active, true), (Role::Standby, true)]);
    assert_eq!(Some(nodes[1].ip), lab.device(1).tpvm_ip);
    let deployment = efa.deployment().await.unwrap();
    assert_eq!(deployment.version, "3.1.0");
    assert!(deployment.multi_node && deployment.timestamp.is_some());
    let ips: Vec<_> = nodes.iter().map(|node| node.ip).collect();
    assert_eq!(deployment.node_ips, ips);
    assert_eq!(lab.deployment().received("efa-token"), 1);
}

#[tokio::test]
async fn a_redeploy_is_asked_for_once_and_polled() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let efa = open(&lab);
    let id = efa.redeploy(false, &leave()).await.unwrap();
    let ended = |status: &RedeployStatus| {
        !matches!(
            status,
            RedeployStatus::Initiated | RedeployStatus::Processing
        )
    };
    let status = eventually(
        "redeploy",
        async || efa.redeploy_status(&id).await.unwrap(),
        ended,
    );
    assert_eq!(status.await, RedeployStatus::Completed);
    assert_eq!(lab.deployment().received("efa-redeploy"), 1);
    assert_eq!(
        efa.redeploy_status("no-such-id").await.unwrap(),
        RedeployStatus::NotFound
    );
    let error = efa.redeploy_status("../status/efa").await.unwrap_err();
    assert!(matches!(error, EfaError::Invalid { .. }), "{error:?}");

    let fails = FaultKind::RedeployFails("no space left".to_owned());
    lab.deployment()
        .fault(Fault::new("efa-redeploy", fails))
        .unwrap();
    let id = efa.redeploy(true, &leave()).await.unwrap();
    let status = eventually(
        "redeploy",
        async || efa.redeploy_status(&id).await.unwrap(),
        ended,
    );
    assert_eq!(
        status.await,
        RedeployStatus::Failed("no space left".to_owned())
    );
}

#[tokio::test]
async fn many_callers_log_in_once() {
    let lab = Lab::start(Fleet::generate(1)).await;
    let clients = EfaClients::new(&settings(&lab)).unwrap();
    let calls = (0..20).map(|_| {
        let efa = clients.open(&target(&lab), &lab.secrets()).unwrap();
        tokio::spawn(async move { efa.nodes().await.map(|nodes| nodes.len()) })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap(), 2);
    }
    assert_eq!(lab.deployment().received("efa-token"), 1);
    assert_eq!(lab.deployment().received("efa-status"), 20);
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_then_replaced() {
    let settings = Settings {
        access_token: Duration::from_millis(1),
        ..Settings::fast()
    };
    let lab = Lab::with(Fleet::generate(1), settings).await;
    let efa = open(&lab);
    let call = async || {
        // A token of a millisecond may be used up on the way; the call says so, and no more.
        match efa.nodes().await {
            Ok(_) | Err(EfaError::Login { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        lab.deployment().effects("efa-token-refresh")
    };
    eventually("a refresh", call, |refreshes| *refreshes > 0).await;
    assert_eq!(lab.deployment().received("efa-token"), 1);

    // EFA takes the refresh token no longer: the password is used again.
    let refused = FaultKind::Refuse(None);
    lab.deployment()
        .fault(Fault::new("efa-token-refresh", refused))
        .unwrap();
    let call = async || {
        let _ = efa.nodes().await;
        lab.deployment().received("efa-token-refresh")
    };
    eventually("a refused refresh", call, |refreshes| *refreshes > 1).await;
}

#[tokio::test]
async fn a_token_that_lives_long_enough_is_refreshed_without_an_error() {
    let settings = Settings {
        access_token: Duration::from_millis(700),
        refresh_token: Duration::from_secs(60),
        ..Settings::fast()
    };
    let lab = Lab::with(Fleet::generate(1), settings).await;
    let efa = open(&lab);
    let call = async || {
        efa.nodes().await.unwrap();
        lab.deployment().effects("efa-token-refresh")
    };
    eventually("two refreshes", call, |refreshes| *refreshes > 1).await;
    assert_eq!(lab.deployment().received("efa-token"), 1);
}

#[tokio::test]
async fn an_expired_refresh_token_leads_to_a_login() {
    let settings = Settings {
        access_token: Duration::from_millis(700),
        refresh_token: Duration::from_millis(1),
        ..Settings::fast()
    };
    let lab = Lab::with(Fleet::generate(1), settings).await;
    let efa = open(&lab);
    let call = async || {
        efa.nodes().await.unwrap();
        lab.deployment().effects("efa-token")
    };
    eventually("two logins", call, |logins| *logins > 1).await;
    assert_eq!(lab.deployment().effects("efa-token-refresh"), 0);
}

#[tokio::test]
async fn a_token_that_is_never_taken_ends_as_a_refused_login() {
    let lab = Lab::start(Fleet::generate(1)).await;
    for call in ["efa-token", "efa-token-refresh"] {
        let worthless = FaultKind::AcceptWithoutEffect;
        lab.deployment().fault(Fault::new(call, worthless)).unwrap();
    }
    let error = open(&lab).redeploy(false, &leave()).await.unwrap_err();
    assert!(matches!(error, EfaError::Login { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::None);
    assert_eq!(lab.deployment().effects("efa-redeploy"), 0);
}
