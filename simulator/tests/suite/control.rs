use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::Fleet;

use crate::support::{Cli, start};
use crate::support_api::{https, send};

#[tokio::test]
async fn faults_changes_and_counts_over_http() {
    let simulator = start(Fleet::generate(2)).await;
    let client = https(&simulator);
    let switch = format!("{}/switches/127.20.0.2", simulator.control_url());
    let fault = json!({ "on": "show-version", "kind": "refuse", "text": "not now", "times": 1 });
    let (status, _) = send(client.post(format!("{switch}/faults")).json(&fault)).await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, body) = send(client.get(&switch)).await;
    assert_eq!(body["faults"], json!([fault]));

    let handle = crate::support::standby(&simulator);
    let mut cli = Cli::login(&simulator, &handle).await;
    assert_eq!(cli.run("show version").await, "% Error: not now");
    let change = json!({ "firmware": "20.3.2", "config": ["hostname Loud"] });
    let (status, body) = send(client.patch(&switch).json(&change)).await;
    assert_eq!(
        (status, &body["firmware"]),
        (StatusCode::OK, &json!("20.3.2"))
    );
    assert!(
        cli.run("show version")
            .await
            .contains("Firmware name:      20.3.2\r\n")
    );
    assert!(
        cli.run("show running-config tpvm")
            .await
            .contains(" hostname Loud\r\n")
    );

    let (_, body) = send(client.get(&switch)).await;
    assert_eq!(body["counts"]["received"]["show-version"], 2);
    assert_eq!(body["faults"], json!([]));
    let (_, body) = send(client.get(format!("{switch}/commands"))).await;
    let names: Vec<_> = body
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["name"])
        .collect();
    assert_eq!(
        names,
        [
            "ssh-login",
            "show-version",
            "show-version",
            "show-running-config-tpvm"
        ]
    );

    let deployment = format!("{}/deployments/efa-2", simulator.control_url());
    let (status, body) = send(client.patch(&deployment).json(&json!({ "active": 1 }))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["nodes"][1]["role"], "active");
    let fault = json!({ "kind": "redeploy-fails" });
    let faults = format!("{deployment}/faults");
    assert_eq!(
        send(client.post(&faults).json(&fault)).await.0,
        StatusCode::CREATED
    );
    let (_, body) = send(client.get(&deployment)).await;
    assert_eq!(body["faults"][0]["on"], "efa-redeploy");
    assert_eq!(send(client.delete(&faults)).await.0, StatusCode::NO_CONTENT);
    let (_, body) = send(client.get(&deployment)).await;
    assert_eq!(body["faults"], json!([]));
}

#[tokio::test]
async fn mistakes_are_told() {
    let simulator = start(Fleet::generate(1)).await;
    let client = https(&simulator);
    let base = simulator.control_url();
    let faults = format!("{base}/switches/127.20.0.1/faults");
    for (body, what) in [
        (json!({ "on": "shw", "kind": "garbage" }), "\"shw\""),
        (json!({ "on": "show-version", "kind": "garbag" }), "garbag"),
        (json!({ "on": "show-version", "kind": "slow" }), "duration"),
        (
            json!({ "on": "show-version", "kind": "garbage", "time": 1 }),
            "time",
        ),
        (json!({ "kind": "garbage" }), "\"on\""),
    ] {
        let (status, answer) = send(client.post(&faults).json(&body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer["error"].as_str().unwrap().contains(what), "{answer}");
    }
    let missing = client.get(format!("{base}/switches/127.20.0.99"));
    assert_eq!(send(missing).await.0, StatusCode::NOT_FOUND);
    let change = client
        .patch(format!("{base}/switches/127.20.0.1"))
        .json(&json!({ "config": ["colour blue"] }));
    assert_eq!(send(change).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn everything_a_client_needs_is_there() {
    let simulator = start(Fleet::generate(2)).await;
    let client = https(&simulator);
    let get = async |path: &str| {
        let url = format!("{}{path}", simulator.control_url());
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    let inventory: Value = serde_json::from_str(&get("/inventory").await).unwrap();
    assert_eq!(inventory, simulator.inventory());
    assert_eq!(get("/known-hosts").await, simulator.known_hosts());
    assert_eq!(get("/ca").await, simulator.ca_pem());
    assert_eq!(get("/health").await, "{\"status\":\"ok\"}");
    let switches: Value = serde_json::from_str(&get("/switches").await).unwrap();
    assert_eq!(switches.as_array().unwrap().len(), 4);
    let deployments: Value = serde_json::from_str(&get("/deployments").await).unwrap();
    assert_eq!(deployments[1]["name"], "efa-2");
}
