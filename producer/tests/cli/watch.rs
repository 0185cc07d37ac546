//! `watch`: an upgrade's way, line by line.

use std::time::Duration;

use ledger::Transition;
use schemas::{State, Verdict};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::timeout;

use crate::support::{Site, ran};
use crate::upgrade::success;

/// A line without its time, which it must begin with.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_at("2022-08-30 16:03:23 UTC  ".len());
    assert!(time.ends_with(" UTC  "), "{line}");
    rest
}

#[tokio::test]
async fn a_line_for_each_state_as_it_comes() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    let mut child = site
        .program(&["watch", &upgrade.id.to_string()])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Waits for each line before the next step: so the lines come while it runs.
    let mut next = async || {
        let line = timeout(Duration::from_secs(30), lines.next_line()).await;
        let line = line.expect("a line in time").unwrap().unwrap();
        without_time(&line).to_owned()
    };
    let started = "10.20.1.28  TPVM Upgrade Workflow Started: success (";
    assert!(next().await.starts_with(started));
    assert_eq!(next().await, "10.20.1.28  Device Validation In-Progress");
    upgrade.waits("the EFA node does not answer").await;
    assert_eq!(
        next().await,
        "10.20.1.28  Device Validation In-Progress: the EFA node does not answer"
    );
    upgrade.passes_validation().await;
    let validated = next().await;
    assert!(
        validated.starts_with("10.20.1.28  Device Validation: success ("),
        "{validated}"
    );
    assert!(
        validated.ends_with("s): the device is fit for an upgrade"),
        "{validated}"
    );
    // The two moves may have come between two looks, or not.
    let mut line = next().await;
    while line == "10.20.1.28  TPVM Config Validation In-Progress" {
        line = next().await;
    }
    assert!(
        line.starts_with("10.20.1.28  TPVM Config Validation: success ("),
        "{line}"
    );
    assert_eq!(next().await, "10.20.1.28  TPVM Upgrade In-Progress");
    upgrade.moves(success(State::EfaDeployPeerAndRejoin)).await;
    assert!(
        next()
            .await
            .starts_with("10.20.1.28  TPVM Upgrade: success (")
    );
    assert_eq!(
        next().await,
        "10.20.1.28  EFA Deploy Peer and Rejoin In-Progress"
    );
    upgrade
        .moves(Transition {
            verdict: Some(Verdict::Succeeded),
            ..success(State::WorkflowFinished)
        })
        .await;
    assert!(
        next()
            .await
            .starts_with("10.20.1.28  EFA Deploy Peer and Rejoin: success (")
    );
    assert_eq!(
        next().await,
        "10.20.1.28  TPVM Upgrade Completed (succeeded)"
    );
    let ended = timeout(Duration::from_secs(30), child.wait_with_output()).await;
    let ended = ran(ended.expect("it ends").unwrap()).ended(0);
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn an_upgrade_that_ended_badly() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    upgrade.is_reverted().await;
    let id = upgrade.id.to_string();

    let watched = site.run(&["watch", &id]).await.ended(1);
    let lines: Vec<&str> = watched.stdout.lines().map(without_time).collect();
    assert_eq!(lines.len(), 6, "{watched:?}");
    assert!(
        lines[3].starts_with("10.20.1.28  TPVM Upgrade: failure ("),
        "{lines:?}"
    );
    assert!(lines[3].ends_with("): the image was not found. Remedy: check its path"));
    assert_eq!(
        lines[5],
        "10.20.1.28  TPVM Upgrade Failed (reverted): Before the revert: the image was not found. \
         After it: reverted to 4.5.1. \
         Remedy: check its path"
    );

    let watched = site.run(&["watch", &id, "--format", "json"]).await.ended(1);
    let values = watched.json_lines();
    let seqs: Vec<_> = values[..5].iter().map(|row| row["seq"].clone()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5].map(|seq| json!(seq)));
    assert_eq!(values[3]["next_state"], "tpvm-revert");
    assert_eq!(values[5]["update_state"], "Failed");
    assert_eq!(values[5]["verdict"], "reverted");
    assert_eq!(values.len(), 6);
}

#[tokio::test]
async fn a_moving_line_on_a_terminal() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    upgrade.waits("the EFA node does not answer").await;
    let watch = format!("watch {}", upgrade.id);
    let mut child = site.on_terminal(&watch).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut shown = String::new();
    let mut until = async |text: &str| {
        while !shown.contains(text) {
            let mut bytes = [0; 4096];
            let read = timeout(Duration::from_secs(30), stdout.read(&mut bytes)).await;
            let read = read.expect("more in time").unwrap();
            assert_ne!(read, 0, "{text:?} never came: {shown:?}");
            shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    until("TPVM Upgrade Workflow Started: success (").await;
    until("s  Device Validation In-Progress: the EFA node does not answer").await;
    upgrade.completes().await;
    until("10.20.1.28  TPVM Upgrade Completed (succeeded)\r\n").await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
