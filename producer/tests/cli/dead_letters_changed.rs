//! `dead-letters redrive` and `purge`: only what was chosen, told one by one, and nothing lost.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::letters::{Letters, step};
use crate::support::ran;

async fn fill(letters: &Letters, count: u32) {
    for n in 0..count {
        letters
            .set_aside(n.to_string().as_bytes(), "no JSON", &letters.queue())
            .await;
    }
    letters.settled(count).await;
}

#[tokio::test]
async fn what_is_redriven_is_as_it_was_published() {
    let letters = Letters::new().await;
    let step = step(4);
    letters.die_at_the_limit(&step).await;
    letters.settled(1).await;
    letters.set_aside(b"x", "no JSON", &letters.queue()).await;
    letters.settled(2).await;
    let [dead, other] = letters.ids().await.try_into().unwrap();

    let dry = letters.run(&["redrive", &dead, "--dry-run"]).await.ended(0);
    assert!(
        dry.stdout.starts_with(&format!("{dead}  selected  from ")),
        "{dry:?}"
    );
    assert_eq!(letters.ids().await, [dead.clone(), other.clone()]);
    assert_eq!(letters.ready(&letters.queue()).await, 0);

    let ran = letters.run(&["redrive", &dead]).await.ended(0);
    let queue = letters.queue();
    assert_eq!(
        ran.stdout,
        format!("{dead}  redriven  from {queue}\nDead Letters Redrive [success]\n1 redriven\n")
    );
    assert_eq!(letters.ids().await, [other]);
    let message = letters.take(&queue).await.unwrap();
    assert_eq!(message.data, schemas::encode(&step));
    let headers = message.properties.headers().as_ref().unwrap().inner();
    // A count is RabbitMQ's own, of this delivery: 3.x gives 0 on the first, 4.x none.
    let count = headers.get("x-delivery-count");
    assert!(matches!(
        count,
        None | Some(lapin::types::AMQPValue::LongLongInt(0))
    ));
    let names = headers.keys().map(|name| name.as_str());
    let names: Vec<&str> = names.filter(|name| *name != "x-delivery-count").collect();
    assert_eq!(names, ["traceparent"], "{headers:?}");
    assert_eq!(message.properties.delivery_mode(), &Some(2));
    letters.close().await;
}

#[tokio::test]
async fn filters_choose_and_the_order_is_kept() {
    let letters = Letters::new().await;
    let requests = letters.options.names.request_queue();
    for n in 0..200 {
        let queue = if n % 2 == 0 {
            letters.queue()
        } else {
            requests.clone()
        };
        letters
            .set_aside(n.to_string().as_bytes(), "no JSON", &queue)
            .await;
    }
    letters.settled(200).await;
    let ran = letters
        .run(&["redrive", "--queue", "requests", "--format", "json"])
        .await
        .ended(0);
    let told = ran.json_lines();
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|line| line["result"] == "redriven"));
    letters.settled(100).await;
    for n in (1..200).step_by(2) {
        let message = letters.take(&requests).await.unwrap();
        assert_eq!(message.data, n.to_string().as_bytes());
    }
    letters.close().await;
}

#[tokio::test]
async fn what_can_not_go_back_is_told_and_the_rest_goes() {
    let letters = Letters::new().await;
    letters.set_aside(b"1", "no JSON", "somewhere").await;
    letters.put(b"2", lapin::BasicProperties::default()).await;
    letters.set_aside(b"3", "no JSON", &letters.queue()).await;
    letters.settled(3).await;
    let revert = letters
        .options
        .names
        .state_queue(schemas::State::TpvmRevert)
        .unwrap();
    letters.set_aside(b"4", "no JSON", &revert).await;
    letters.settled(4).await;
    let delete = lapin::options::QueueDeleteOptions::default();
    letters
        .channel
        .queue_delete(revert.as_str().into(), delete)
        .await
        .unwrap();

    let dry = letters
        .run(&["redrive", "--all", "--dry-run"])
        .await
        .ended(1);
    assert!(
        dry.stdout.ends_with("[failed]\n2 refused, 2 selected\n"),
        "{dry:?}"
    );
    let ran = letters.run(&["redrive", "--all"]).await.ended(1);
    for said in [
        "refused  from somewhere: it came from \"somewhere\", which is no queue",
        "refused  from an unknown queue: it does not say which queue it came from",
        "failed  from ",
        "no queue takes messages",
        "2 refused, 1 redriven, 1 failed",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {ran:?}");
    }
    letters.settled(3).await;
    assert_eq!(letters.ready(&letters.queue()).await, 1);
    letters.close().await;
}

#[tokio::test]
async fn purging_needs_a_word() {
    let letters = Letters::new().await;
    fill(&letters, 3).await;
    let ids = letters.ids().await;
    let ran = letters.run(&["purge", "--all"]).await.ended(2);
    assert!(
        ran.stderr.contains("next: look at it with --dry-run"),
        "{ran:?}"
    );
    letters.run(&["purge", "--all", "--dry-run"]).await.ended(0);
    assert_eq!(letters.ids().await, ids);

    let ran = letters.run(&["purge", &ids[1], "--yes"]).await.ended(0);
    // What is removed stands before what became of it.
    let (shown, became) = ran.stdout.split_once("\nDead Letters\n").unwrap();
    assert!(
        shown.contains(&ids[1]) && !shown.contains(&ids[0]),
        "{ran:?}"
    );
    assert!(
        became.contains(&format!("{}  purged  from ", ids[1])),
        "{ran:?}"
    );
    assert!(ran.stdout.ends_with("[success]\n1 purged\n"), "{ran:?}");
    assert_eq!(letters.ids().await, [ids[0].clone(), ids[2].clone()]);

    let ran = letters
        .run(&["purge", "--reason", "JSON", "--yes", "--format", "json"])
        .await
        .ended(0);
    let told = ran.json_lines();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["id"], json!(ids[0]));
    assert_eq!(told[0]["result"], "purged");
    assert_eq!(letters.ids().await, [] as [String; 0]);
    letters.close().await;
}

/// `script` gives the program a terminal.
#[tokio::test]
async fn a_person_is_asked() {
    let letters = Letters::new().await;
    fill(&letters, 2).await;
    for (answer, code, left) in [("n\n", 1, 2), ("\n", 1, 2), ("y\n", 0, 0)] {
        let program = env!("CARGO_BIN_EXE_tpvm-upgrade");
        let line = format!(
            "exec {program} dead-letters purge --all --broker-prefix {}",
            letters.prefix
        );
        let mut child = tokio::process::Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("AMQP_URL", &letters.options.url)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answer.as_bytes()).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output());
        let ran = ran(ended.await.expect("the program ends").unwrap()).ended(code);
        assert!(
            ran.stdout.contains("Remove 2 dead letters for good? [y/N]"),
            "{ran:?}"
        );
        letters.settled(left).await;
    }
    letters.close().await;
}

/// Killed at any moment: each message is still a letter, or back in its queue, or both.
#[tokio::test]
async fn a_redrive_that_is_killed_loses_nothing() {
    const COUNT: u32 = 3000;
    let letters = Letters::new().await;
    fill(&letters, COUNT).await;
    let queue = letters.queue();
    let mut back = HashSet::new();
    let mut kills = 0;
    // Each round kills it once the next hundred are on their way.
    while back.len() < 1000 {
        let mut child = letters.program(&["redrive", "--all"]).spawn().unwrap();
        let mut arrived = 0;
        while arrived < 100 && child.try_wait().unwrap().is_none() {
            match letters.take(&queue).await {
                Some(message) => {
                    back.insert(message.data.clone());
                    arrived += 1;
                }
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        // It may have ended by itself.
        let _ = child.kill().await;
        kills += 1;
        assert!(kills < 60, "{} messages came back", back.len());
    }
    // What a killed one held comes back once RabbitMQ has noticed its end.
    let deadline = Instant::now() + Duration::from_secs(60);
    while back.len() < COUNT as usize {
        assert!(Instant::now() < deadline, "{} came back", back.len());
        letters.run(&["redrive", "--all"]).await.ended(0);
        while let Some(message) = letters.take(&queue).await {
            back.insert(message.data.clone());
        }
    }
    letters.close().await;
}
