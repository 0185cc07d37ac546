use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use simulator::{Fleet, Settings, Simulator};

use crate::support::{secret, start};
use crate::support_api::{Api, assert_schema, https, login_request, send};

#[tokio::test]
async fn every_answer_is_as_specified() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;

    let password = secret(&simulator, "efa-password");
    let (status, body) = send(login_request(&api.client, &api.base, &password)).await;
    assert_eq!(status, StatusCode::OK);
    assert_schema("AccessTokenResponse", &body);

    let (status, body) = send(api.get("/monitor/status/efa")).await;
    assert_eq!(status, StatusCode::OK);
    assert_schema("NodesStatus", &body);
    assert_eq!(body["nodes"][0]["role"], "active");
    assert_eq!(body["nodes"][1]["role"], "standby");
    assert_eq!(body["nodes"][1]["IP"], "10.20.0.2");
    assert_eq!(body["nodes"][1]["galera_size"], 2);

    let (status, body) = send(api.get("/monitor/deployment")).await;
    assert_eq!(status, StatusCode::OK);
    assert_schema("DeploymentConfig", &body);
    let setup = &body["setupconfig"][0];
    assert_eq!(setup["version"], "3.1.0");
    assert_eq!(setup["NodeIPs"], "10.20.0.1,10.20.0.2");
    assert_eq!(
        (&setup["hostIP"], &setup["PeerIPs"]),
        (&json!("10.20.0.1"), &json!("10.20.0.2"))
    );

    let (status, body) = send(api.post("/monitor/redeploy?cleanRedeploy=true")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_schema("RedeployResponse", &body);
    let poll = format!("/monitor/redeploy/{}", body["id"].as_str().unwrap());
    let (status, body) = send(api.get(&poll)).await;
    assert_eq!(status, StatusCode::OK);
    assert_schema("RedeployStatus", &body);

    let (status, body) = send(api.get("/monitor/redeploy/none")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_schema("MonitorErrorModel", &body);

    let (status, body) = send(api.post("/monitor/activetpvmreboot")).await;
    assert_eq!(status, StatusCode::OK);
    assert_schema("ActiveTPVMRebootResponse", &body);
    assert_eq!(api.node(1).await.1, "active", "the other node took over");
}

#[tokio::test]
async fn everything_but_the_login_needs_a_token() {
    let simulator = start(Fleet::generate(1)).await;
    let deployment = &simulator.deployments()[0];
    let client = https(&simulator);
    let url = |path: &str| format!("{}{path}", deployment.api_url());
    for request in [
        client.get(url("/monitor/status/efa")),
        client.get(url("/monitor/deployment")),
        client.post(url("/monitor/redeploy")),
        client.get(url("/monitor/redeploy/some")),
        client.post(url("/monitor/activetpvmreboot")),
        client.get(url("/monitor/status/efa")).bearer_auth("a.b.c"),
    ] {
        let (status, body) = send(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_schema("MonitorErrorModel", &body);
    }
    assert_eq!(deployment.effects("efa-redeploy"), 0);
    for password in ["wrong", ""] {
        let (status, body) = send(login_request(&client, &deployment.api_url(), password)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_schema("AuthErrorModel", &body);
    }
    let (status, body) = send(
        client
            .post(url("/auth/token/access-token"))
            .json(&json!({})),
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_schema("AuthErrorModel", &body);
}

#[tokio::test]
async fn tokens_expire_and_are_refreshed() {
    let settings = Settings {
        access_token: Duration::from_millis(1),
        ..Settings::fast()
    };
    let simulator = Simulator::start(Fleet::generate(1), settings)
        .await
        .unwrap();
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let (status, _) = send(api.get("/monitor/deployment")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "expired");

    let refresh = |token: &str| {
        api.client
            .post(format!("{}/auth/token/refresh", api.base))
            .json(&json!({ "grant-type": "refresh_token", "refresh-token": token }))
    };
    let (status, body) = send(refresh(&api.refresh)).await;
    assert_eq!(status, StatusCode::OK);
    assert_schema("AccessTokenResponse", &body);
    let (status, body) = send(refresh(&api.token)).await;
    assert_eq!(
        status,
        StatusCode::UNAUTHORIZED,
        "an access token is no refresh token"
    );
    assert_schema("AuthErrorModel", &body);
    assert_eq!(deployment.effects("efa-token-refresh"), 1);
}

#[tokio::test]
async fn a_refreshed_token_is_good() {
    let simulator = start(Fleet::generate(1)).await;
    let mut api = Api::login(&simulator, &simulator.deployments()[0]).await;
    let body = json!({ "grant-type": "refresh_token", "refresh-token": api.refresh });
    let request = api
        .client
        .post(format!("{}/auth/token/refresh", api.base))
        .json(&body);
    let (_, body) = send(request).await;
    api.token = body["access-token"].as_str().unwrap().to_owned();
    let (status, _) = send(api.get("/monitor/deployment")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn one_redeploy_at_a_time() {
    let settings = Settings {
        redeploy: Duration::from_secs(60),
        ..Settings::fast()
    };
    let simulator = Simulator::start(Fleet::generate(1), settings)
        .await
        .unwrap();
    let deployment = &simulator.deployments()[0];
    let api = Api::login(&simulator, deployment).await;
    let (status, _) = send(api.post("/monitor/redeploy")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, body) = send(api.post("/monitor/redeploy")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_schema("MonitorErrorModel", &body);
    assert_eq!(
        (
            deployment.received("efa-redeploy"),
            deployment.effects("efa-redeploy")
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn another_ca_is_not_trusted() {
    let simulator = start(Fleet::generate(1)).await;
    let other = start(Fleet::generate(0)).await;
    let stranger = https(&other);
    let url = format!(
        "{}/monitor/status/efa",
        simulator.deployments()[0].api_url()
    );
    assert!(stranger.get(url).send().await.is_err());
}
