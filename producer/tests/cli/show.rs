//! `show` and `list`: tables for people, the vendor's vocabulary for programs.

use ledger::Transition;
use schemas::{Case, State, Verdict};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Site, cells, device_ip};
use crate::upgrade::{failure, success};

fn item_of(shown: &Value, id: Uuid) -> &Value {
    let items = shown["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["id"] == json!(id));
    found.unwrap_or_else(|| panic!("{id} is not in {shown:#}"))
}

/// The fields of `item` that `expected` has.
pub fn assert_fields(item: &Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&item[name], value, "{name} of {item:#}");
    }
}

#[tokio::test]
async fn a_completed_upgrade_in_the_vendors_words() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    upgrade.completes().await;
    let id = upgrade.id.to_string();

    let shown = site
        .run(&["show", "--execution-id", &id, "--format", "json"])
        .await;
    let shown = shown.ended(0).json();
    assert_eq!(shown["overall_status"], "Completed");
    let item = item_of(&shown, upgrade.id);
    assert_fields(
        item,
        json!({
            "switch_data": {
                "ip_address": "10.20.1.28", "name": "leaf-1", "model": "3012",
                "chassis_name": "SLX9250-32C", "firmware": "20.5.1a", "tpvm_version": "4.6.0",
            },
            "target_tpvm_version": "4.6.0",
            "update_state": "Completed",
            "status": "TPVM Upgrade Completed",
            "detailed_status": "None",
            "failed_state": "",
            "upgrade_type": "normal upgrade",
            "verdict": "succeeded",
            "from_tpvm_version": "4.5.1",
            "state": "workflow-finished",
            "requested_by": "alice",
        }),
    );
    for time in ["start_time", "last_update_time"] {
        let time = item[time].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
    }
    let way: Vec<(&str, &str)> = item["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(row["outcome"], "success");
            let name = |key: &str| row[key].as_str().unwrap();
            (name("state"), name("next_state"))
        })
        .collect();
    assert_eq!(
        way,
        [
            ("workflow-started", "device-validation"),
            ("device-validation", "tpvm-config-validation"),
            ("tpvm-config-validation", "tpvm-upgrade"),
            ("tpvm-upgrade", "efa-deploy-peer-and-rejoin"),
            ("efa-deploy-peer-and-rejoin", "workflow-finished"),
        ]
    );
}

#[tokio::test]
async fn a_table_like_the_vendors() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    upgrade.is_reverted().await;

    let shown = site.run(&["show"]).await.ended(0);
    let rows = cells(&shown.stdout);
    assert_eq!(
        rows[0],
        [
            "IP Address",
            "Host Name",
            "Model",
            "Chassis Name",
            "Target TPVM Version",
            "Update State",
            "Status",
            "Detailed Status",
            "Failed State",
            "Upgrade Type",
            "Start Time",
            "Last Update Time",
            "Execution ID",
            "Verdict",
        ]
    );
    let row = &rows[1];
    assert_eq!(
        row[..10],
        [
            "10.20.1.28",
            "leaf-1",
            "3012",
            "SLX9250-32C",
            "4.6.0",
            "Failed",
            "TPVM Upgrade Failed",
            "Before the revert: the image was not found. After it: reverted to 4.5.1. Remedy: check its path",
            "tpvm-upgrade-failed",
            "normal upgrade",
        ]
    );
    assert!(row[10].ends_with(" UTC") && row[10].len() == 23, "{row:?}");
    assert_eq!(row[12..], [upgrade.id.to_string(), "reverted".to_owned()]);
    let last: Vec<&str> = shown.stdout.lines().rev().take(2).collect();
    assert_eq!(last[1], "TPVM Upgrade Details");
    assert!(
        last[0].starts_with("--- Time Elapsed: ") && last[0].ends_with("s ---"),
        "{last:?}"
    );
}

#[tokio::test]
async fn every_kind_of_end_and_what_still_runs() {
    let site = Site::new().await;
    let mut refused = site.accept(1).await;
    refused.fails_validation().await;

    let mut stuck = site.accept(2).await;
    stuck.fails_upgrade().await;
    stuck
        .moves(Transition {
            verdict: Some(Verdict::RevertFailed),
            ..failure(
                State::TpvmRevert,
                State::WorkflowFinished,
                "the snapshot is gone",
                "install by hand",
            )
        })
        .await;

    let mut replaced = site.accept(3).await;
    replaced.moves(success(State::TpvmConfigValidation)).await;
    replaced
        .moves(Transition {
            case: Some(Case::NodeReplacement),
            ..success(State::TpvmConfiguration)
        })
        .await;

    let mut reverting = site.accept(4).await;
    reverting.fails_upgrade().await;
    reverting.waits("the device is reverting").await;

    let shown = site
        .run(&["show", "--format", "json"])
        .await
        .ended(0)
        .json();
    assert_eq!(shown["overall_status"], "In-Progress");
    assert_fields(
        item_of(&shown, refused.id),
        json!({
            "update_state": "Failed", "verdict": "failed", "upgrade_type": "",
            "status": "TPVM Upgrade Failed", "failed_state": "device-validation-failed",
            "detailed_status": "the firmware host 10.20.1.5 is not registered. Remedy: register it",
            "target_tpvm_version": "",
        }),
    );
    assert_fields(
        item_of(&shown, stuck.id),
        json!({
            "update_state": "Failed", "verdict": "revert-failed",
            "detailed_status": "the snapshot is gone. Remedy: install by hand",
            "failed_state": "tpvm-revert-failed",
        }),
    );
    assert_fields(
        item_of(&shown, replaced.id),
        json!({
            "update_state": "In-Progress", "verdict": null, "upgrade_type": "node replacement",
            "status": "TPVM Configuration In-Progress", "failed_state": "", "state": "tpvm-configuration",
        }),
    );
    assert_fields(
        item_of(&shown, reverting.id),
        json!({
            "update_state": "In-Progress", "status": "TPVM Revert In-Progress",
            "failed_state": "tpvm-upgrade-failed",
            "detailed_status": "the device is reverting (after a failure: the image was not found. Remedy: check its path)",
        }),
    );

    // The overall status is that of what is shown.
    let both = format!("{},{}", device_ip(1), device_ip(2));
    let some = site
        .run(&["show", "--ip", &both, "--format", "json"])
        .await
        .ended(0)
        .json();
    assert_eq!(some["overall_status"], "Failed");
    assert_eq!(some["items"].as_array().unwrap().len(), 2);
    assert!(some["items"][0].get("history").is_none());
}

#[tokio::test]
async fn the_latest_upgrade_of_each_device() {
    let site = Site::new().await;
    let mut first = site.accept(1).await;
    first.fails_validation().await;
    let second = site.accept(1).await;
    let other = site.accept(2).await;

    let ids = |shown: &Value| -> Vec<Value> {
        let items = shown["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].clone()).collect()
    };
    let shown = site
        .run(&["show", "--format", "json"])
        .await
        .ended(0)
        .json();
    assert_eq!(ids(&shown), [json!(other.id), json!(second.id)]);

    let all = site
        .run(&["list", "--format", "json"])
        .await
        .ended(0)
        .json();
    assert_eq!(
        ids(&all),
        [json!(other.id), json!(second.id), json!(first.id)]
    );
    let of_one = ["list", "--ip", &device_ip(1), "--format", "json"];
    let of_one = site.run(&of_one).await.ended(0).json();
    assert_eq!(ids(&of_one), [json!(second.id), json!(first.id)]);
    let running = [
        "list",
        "--ip",
        &device_ip(1),
        "--unfinished",
        "--format",
        "json",
    ];
    let running = site.run(&running).await.ended(0).json();
    assert_eq!(ids(&running), [json!(second.id)]);

    let cut = site.run(&["list", "--limit", "2"]).await.ended(0);
    assert_eq!(cells(&cut.stdout).len(), 1 + 2);
    assert!(cut.stderr.contains("more than the newest 2"), "{cut:?}");
    let uncut = site.run(&["list", "--limit", "3"]).await.ended(0);
    assert_eq!(uncut.stderr, "");
    assert!(
        uncut
            .stdout
            .contains("\nTPVM Upgrade List\n--- Time Elapsed: ")
    );
}

#[tokio::test]
async fn nothing_and_nobody() {
    let site = Site::new().await;
    let none = site
        .run(&["show", "--format", "json"])
        .await
        .ended(0)
        .json();
    assert_eq!(none, json!({"overall_status": "None", "items": []}));
    let none = site.run(&["list"]).await.ended(0);
    assert_eq!(cells(&none.stdout).len(), 1);

    let id = Uuid::now_v7().to_string();
    for args in [
        &["show", "--execution-id", &id][..],
        &["show", "--ip", "10.9.9.9"],
        &["history", &id],
        &["watch", &id],
    ] {
        let ran = site.run(args).await.ended(6);
        assert_eq!(ran.stdout, "");
        let missing = args.last().unwrap();
        assert!(ran.stderr.contains(missing), "{ran:?}");
    }
}
