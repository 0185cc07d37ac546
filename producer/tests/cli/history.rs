//! `history`: the states that one upgrade went through.

use serde_json::json;

use crate::show::assert_fields;
use crate::support::{Site, cells, finish};

#[tokio::test]
async fn the_history_of_one_upgrade() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    upgrade.is_reverted().await;
    let id = upgrade.id.to_string();

    let shown = site.run(&["history", &id]).await.ended(0);
    let rows = cells(&shown.stdout);
    assert_eq!(
        rows[0],
        [
            "Step",
            "State",
            "Next State",
            "Outcome",
            "Detailed Status",
            "Start Time",
            "End Time",
            "Duration",
            "Attempts",
            "Worker",
        ]
    );
    let upgraded = &rows[4];
    assert_eq!(
        upgraded[..5],
        [
            "4",
            "TPVM Upgrade",
            "TPVM Revert",
            "failure",
            "the image was not found. Remedy: check its path",
        ]
    );
    assert_eq!(upgraded[8..], ["0", "worker-1"]);
    assert_eq!(rows[1][9], "alice");
    assert!(shown.stdout.contains("\nTPVM Upgrade History\n"));

    let shown = site
        .run(&["history", &id, "--format", "json"])
        .await
        .ended(0)
        .json();
    assert_eq!(shown["execution_id"], json!(upgrade.id));
    let rows = shown["history"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert_fields(
        &rows[1],
        json!({
            "seq": 2, "state": "device-validation", "next_state": "tpvm-config-validation",
            "outcome": "success", "detailed_status": "the device is fit for an upgrade",
            "facts": {"slx_version": "20.5.1a"}, "attempts": 0, "worker": "worker-1",
        }),
    );
    assert!(rows[1]["duration_seconds"].as_f64().unwrap() >= 0.0);
}

/// A table that a terminal would wrap is of use to nobody.
#[tokio::test]
async fn stands_in_lines_on_a_narrow_terminal() {
    let site = Site::new().await;
    let upgrade = site.accept(1).await;
    let history = format!("history {}", upgrade.id);
    let shown = finish(site.on_terminal(&history)).await.ended(0);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!(lines[0], "Step:            1");
    assert_eq!(lines[1], "State:           TPVM Upgrade Workflow Started");
    assert!(shown.stdout.lines().all(|line| line.len() <= 100));
}
