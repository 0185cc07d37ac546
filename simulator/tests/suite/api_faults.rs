use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use simulator::{Fault, FaultKind, Fleet, Simulator, SwitchChange};

use crate::support::{BOUND, eventually, secret, standby, start};
use crate::support_api::{Api, assert_schema, login_request, send};

#[tokio::test]
async fn refused() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    for call in ["efa-status", "efa-deployment", "efa-redeploy", "efa-token"] {
        deployment
            .fault(Fault::new(call, FaultKind::Refuse(None)).once())
            .unwrap();
    }
    for request in [
        api.get("/monitor/status/efa"),
        api.get("/monitor/deployment"),
        api.post("/monitor/redeploy"),
    ] {
        let (status, body) = send(request).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_schema("MonitorErrorModel", &body);
    }
    assert_eq!(deployment.effects("efa-redeploy"), 0);
    let password = secret(&simulator, "efa-password");
    let (status, body) = send(login_request(&api.client, &api.base, &password)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_schema("AuthErrorModel", &body);
    assert_eq!(
        send(api.get("/monitor/deployment")).await.0,
        StatusCode::OK,
        "once only"
    );
}

#[tokio::test]
async fn accepted_without_effect() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    for call in ["efa-redeploy", "efa-token", "efa-active-tpvm-reboot"] {
        let fault = Fault::new(call, FaultKind::AcceptWithoutEffect).once();
        deployment.fault(fault).unwrap();
    }
    let (status, body) = send(api.post("/monitor/redeploy")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let poll = format!("/monitor/redeploy/{}", body["id"].as_str().unwrap());
    assert_eq!(send(api.get(&poll)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(deployment.effects("efa-redeploy"), 0);

    let (_, body) = send(api.post("/monitor/activetpvmreboot")).await;
    assert_eq!(body["result"], true);
    assert_eq!(api.node(0).await.1, "active");

    let useless = Api::login(&simulator, deployment).await;
    let (status, _) = send(useless.get("/monitor/deployment")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn reply_lost_before_and_after_the_effect() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let before = deployment.state().timestamp;
    for (kind, effects) in [
        (FaultKind::LostBeforeEffect, 0),
        (FaultKind::ApplyReplyLost, 1),
    ] {
        deployment
            .fault(Fault::new("efa-redeploy", kind).once())
            .unwrap();
        assert!(api.post("/monitor/redeploy").send().await.is_err());
        assert_eq!(deployment.effects("efa-redeploy"), effects);
    }
    eventually("the redeploy went on by itself", async || {
        deployment.state().timestamp != before
    })
    .await;
}

#[tokio::test]
async fn slow_and_garbage() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let delay = Duration::from_millis(400);
    deployment
        .fault(Fault::new("efa-status", FaultKind::Slow(delay)).once())
        .unwrap();
    deployment
        .fault(Fault::new("efa-deployment", FaultKind::Garbage).once())
        .unwrap();
    let started = Instant::now();
    assert_eq!(api.node(0).await.0, "up");
    assert!(started.elapsed() >= delay);
    let response = api.get("/monitor/deployment").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.json::<serde_json::Value>().await.is_err());
}

#[tokio::test]
async fn dropped_after_so_many_bytes() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let whole = raw(&simulator, &api, "/monitor/deployment").await;
    assert!(
        whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.ends_with("]}}"),
        "{whole}"
    );
    for bytes in [0, 1, 20, whole.len() / 2, whole.len() - 1] {
        let fault = Fault::new("efa-deployment", FaultKind::DropAfterBytes(bytes));
        deployment.fault(fault.once()).unwrap();
        let seen = raw(&simulator, &api, "/monitor/deployment").await;
        assert_eq!(seen.len(), bytes, "{seen}");
        assert_eq!(without_date(&seen), without_date(&whole[..bytes]));
    }
    let fault = Fault::new("efa-deployment", FaultKind::DropAfterBytes(100));
    deployment.fault(fault.once()).unwrap();
    let ended = async { api.get("/monitor/deployment").send().await?.bytes().await };
    assert!(ended.await.is_err(), "an HTTP client takes it for an error");
}

fn without_date(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with("date:"))
        .collect()
}

/// The bytes of one answer, as they come out of TLS.
async fn raw(simulator: &Simulator, api: &Api, path: &str) -> String {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(simulator.ca_pem().as_bytes());
    roots.add(ca.unwrap()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = simulator.deployments()[0].api_address();
    let request = format!(
        "GET /v1{path} HTTP/1.1\r\nhost: efa\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        api.token
    );
    let exchange = move || {
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_read_timeout(Some(BOUND)).unwrap();
        let name = address.ip().into();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tls = StreamOwned::new(session, tcp);
        tls.write_all(request.as_bytes()).unwrap();
        let mut seen = Vec::new();
        // A cut connection ends without the closing of TLS: what came before counts.
        let _ = tls.read_to_end(&mut seen);
        String::from_utf8(seen).unwrap()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

#[tokio::test]
async fn a_redeploy_fails_once() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let failure = FaultKind::RedeployFails("no space left on peer".to_owned());
    deployment
        .fault(Fault::new("efa-redeploy", failure).once())
        .unwrap();
    let before = deployment.state().timestamp;
    let expected = ("failed".to_owned(), "no space left on peer".to_owned());
    assert_eq!(api.redeploy().await, expected);
    assert_eq!(deployment.state().timestamp, before);
    assert_eq!(api.redeploy().await.0, "completed");
}

#[tokio::test]
async fn a_stale_status_shows_all_nodes_up() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let gone = SwitchChange {
        tpvm_version: Some(String::new()),
        ..SwitchChange::default()
    };
    standby(&simulator).set(gone).unwrap();
    assert_eq!(api.node(1).await.0, "down");
    deployment
        .fault(Fault::new("efa-status", FaultKind::StaleStatus).times(2))
        .unwrap();
    assert_eq!(api.node(1).await.0, "up");
    assert_eq!(api.node(1).await.0, "up");
    assert_eq!(api.node(1).await.0, "down");
}

#[tokio::test]
async fn the_other_node_goes_active_at_a_call() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let fault = Fault::new("efa-deployment", FaultKind::NodeGoesActive).once();
    deployment.fault(fault).unwrap();
    assert_eq!(api.node(1).await.1, "standby");
    send(api.get("/monitor/deployment")).await;
    assert_eq!(api.node(1).await.1, "active");
}
