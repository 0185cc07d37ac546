//! What an operator and EFA's own side see: the command line, and a client in another language.

use std::path::Path;

use serde_json::Value;
use tests::World;
use tokio::process::Command;

use crate::checks::{NORMAL, assert_upgraded, normal};

fn json(output: &std::process::Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    })
}

#[tokio::test]
async fn an_operator_starts_an_upgrade_and_follows_it() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let request = world.request(0);
    let ip = request.ip_address.to_string();
    let output = world
        .cli(&[
            "execute",
            "--ip",
            &ip,
            "--firmware-host",
            &request.firmware_host.to_string(),
            "--tpvm-image",
            request.tpvm_image.as_str(),
            "--wait",
        ])
        .await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let shown = json(&world.cli(&["--format", "json", "show", "--ip", &ip]).await);
    assert_eq!(shown["overall_status"], "Completed", "{shown}");
    let item = &shown["items"][0];
    for (key, value) in [
        ("update_state", "Completed"),
        ("status", "TPVM Upgrade Completed"),
        ("detailed_status", "None"),
        ("failed_state", ""),
        ("upgrade_type", "normal upgrade"),
        ("target_tpvm_version", "4.2.5"),
        ("verdict", "succeeded"),
    ] {
        assert_eq!(item[key], value, "{key} in {item}");
    }
    assert_eq!(item["switch_data"]["ip_address"], ip);
    let id = item["id"].as_str().unwrap();
    assert!(told.contains(id), "{told}");

    let shown = json(
        &world
            .cli(&["--format", "json", "show", "--execution-id", id])
            .await,
    );
    let rows = shown["items"][0]["history"].as_array().unwrap();
    let mut path: Vec<_> = rows
        .iter()
        .map(|row| row["state"].as_str().unwrap())
        .collect();
    path.push(rows.last().unwrap()["next_state"].as_str().unwrap());
    assert_eq!(path, NORMAL.map(schemas::State::slug));

    let watched = world.cli(&["watch", id]).await;
    let watched = String::from_utf8_lossy(&watched.stdout).into_owned();
    for state in &NORMAL[..5] {
        assert!(
            watched.contains(state.title()) || watched.contains(state.slug()),
            "{watched}"
        );
    }
    world.close().await;
}

/// Written from the AsyncAPI document alone, in another language.
#[tokio::test]
async fn a_python_client_is_answered_and_told_of_the_end() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let request = world.request(0);
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/efa_client.py");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(client).args([
        &request.ip_address.to_string(),
        &request.firmware_host.to_string(),
        request.tpvm_image.as_str(),
    ]);
    let run = world.with_urls(&mut command).kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), run).await;
    let output = output.expect("ends in a minute").unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}{complaint}");
    assert!(told.contains("Completed"), "{told}");
    let filter = ledger::Filter {
        limit: 1,
        ..Default::default()
    };
    let execution = world.ledger.executions(&filter).await.unwrap().remove(0);
    let execution = execution.unwrap();
    assert_upgraded(&world, &execution);
    world.close().await;
}
