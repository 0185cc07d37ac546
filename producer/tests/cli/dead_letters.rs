//! `dead-letters list` and `show`: each kind of letter, whatever it holds.

use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::letters::{Letters, step};
use crate::support::{cells, finish, program};

/// Clears the screen, sets the title, in one byte or two, and turns the direction of writing.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gpj.exe";

fn is_harmless(text: &str) -> bool {
    !text
        .chars()
        .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
}

#[tokio::test]
async fn letters_of_both_kinds_say_what_happened_and_what_to_do() {
    let letters = Letters::new().await;
    let step = step(4);
    letters.die_at_the_limit(&step).await;
    letters.settled(1).await;
    let request = Uuid::new_v4();
    let body = json!({ "version": 7, "request_id": request }).to_string();
    let requests = letters.options.names.request_queue();
    let reason = "the upgrade-request has version 7; this program reads version 1";
    letters.set_aside(body.as_bytes(), reason, &requests).await;
    letters.settled(2).await;

    let [limit, version] = letters.list(&[]).await.try_into().unwrap();
    assert_eq!(limit["execution_id"], json!(step.execution_id));
    assert_eq!(limit["message_type"], "step");
    assert_eq!(limit["queue"], json!(letters.queue()));
    assert_eq!(limit["deaths"], 1);
    assert_ne!(limit["set_aside_at"], Value::Null);
    let text = |letter: &Value, key: &str| letter[key].as_str().unwrap().to_owned();
    assert!(text(&limit, "reason").contains("as often as its queue allows"));
    assert!(text(&limit, "remedy").contains("workers' logs"));
    assert_eq!(version["request_id"], json!(request));
    assert_eq!(version["reason"], reason);
    assert_eq!(version["remedy"], "mend it");
    assert_eq!(version["set_aside_by"], "worker-7");
    assert_eq!(version["set_aside_at"], "2023-11-14T22:13:20Z");
    assert_eq!(version["bytes"], body.len());
    assert_eq!(version["not_redrivable"], Value::Null);

    let ran = letters.run(&["list"]).await.ended(0);
    let rows = cells(&ran.stdout);
    assert_eq!(rows.len(), 3, "{ran:?}");
    assert_eq!(rows[2][0], text(&version, "id"));
    assert_eq!(rows[2][1], "2023-11-14 22:13:20 UTC");
    assert_eq!(rows[2][6], reason);
    assert_eq!(ran.stderr, "");

    for (filter, expected) in [
        (&["--queue", "requests"][..], &version),
        (&["--queue", &requests], &version),
        (&["--queue", "step.device-validation"], &limit),
        (&["--request-id", &request.to_string()], &version),
        (&["--execution-id", &step.execution_id.to_string()], &limit),
        (&["--reason", "version 7"], &version),
    ] {
        let found = letters.list(filter).await;
        assert_eq!(found, std::slice::from_ref(expected), "{filter:?}");
    }
    let both = ["--queue", "requests", "--reason", "delivered"];
    assert_eq!(letters.list(&both).await, [] as [Value; 0]);
    letters.close().await;
}

#[tokio::test]
async fn no_letters_are_no_failure() {
    let letters = Letters::new().await;
    assert_eq!(letters.list(&[]).await, [] as [Value; 0]);
    let ran = letters.run(&["list"]).await.ended(0);
    assert!(ran.stdout.contains("\nDead Letters\n"), "{ran:?}");
    let ran = letters.run(&["redrive", "--all"]).await.ended(0);
    assert!(
        ran.stdout.ends_with("[success]\nno dead letters\n"),
        "{ran:?}"
    );
    letters.run(&["purge", "--all", "--yes"]).await.ended(0);
    letters.close().await;
}

#[tokio::test]
async fn one_letter_is_shown_with_all_that_it_holds() {
    let letters = Letters::new().await;
    let body = br#"{"execution_id": "x", "list": [1, 2]}"#;
    letters
        .set_aside(body, "not a valid step", &letters.queue())
        .await;
    letters.settled(1).await;
    let [id] = letters.ids().await.try_into().unwrap();
    let shown = letters.run(&["show", &id]).await.ended(0).stdout;
    for part in [
        &format!("Dead Letter:   {id}\n"),
        "Set Aside:     2023-11-14 22:13:20 UTC\n",
        "By:            worker-7\n",
        "Reason:        not a valid step\n",
        "Remedy:        mend it\n",
        "\nProperties:\n  delivery_mode: 2\n",
        "\n  own: kept\n",
        "\nBody (37 bytes):\n{\n  \"execution_id\": \"x\",\n  \"list\": [\n    1,\n    2\n  ]\n}\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let full = letters.run(&["show", &id, "--format", "json"]).await;
    let full = full.ended(0).json();
    assert_eq!(full["body"], std::str::from_utf8(body).unwrap());
    assert_eq!(full["body_encoding"], "utf-8");
    assert_eq!(full["headers"]["own"], "kept");
    assert_eq!(full["id"], json!(id));
    letters.close().await;
}

#[tokio::test]
async fn a_letter_may_hold_anything() {
    let letters = Letters::new().await;
    let mut headers = FieldTable::default();
    let hostile = || AMQPValue::LongString(LongString::from(HOSTILE));
    headers.insert("x-reason".into(), hostile());
    headers.insert("x-source-queue".into(), hostile());
    headers.insert("odd \u{1b}[0m name".into(), hostile());
    headers.insert("x-death".into(), AMQPValue::LongInt(3));
    let hostile = BasicProperties::default()
        .with_headers(headers)
        .with_type(HOSTILE.into())
        .with_message_id("no/uuid".into());
    let bodies: [&[u8]; 7] = [
        b"",
        HOSTILE.as_bytes(),
        &[0xff, 0xfe, 0x00],
        &[b'x'; 200_000],
        format!("{{\"text\": {}}}", json!(HOSTILE)).as_bytes(),
        "[".repeat(50_000).as_bytes(),
        b"{\"execution_id\": [], \"request_id\": 4}",
    ]
    .map(|body: &[u8]| Box::leak(body.to_vec().into_boxed_slice()) as &[u8]);
    for body in bodies {
        letters.put(body, hostile.clone()).await;
    }
    letters.settled(7).await;
    for args in [&["list"][..], &["list", "--format", "json"]] {
        let ran = letters.run(args).await.ended(0);
        assert!(is_harmless(&ran.stdout), "{ran:?}");
    }
    let ids = letters.ids().await;
    assert_eq!(ids.len(), 7);
    for (id, body) in ids.iter().zip(bodies) {
        let shown = letters.run(&["show", id]).await.ended(0);
        assert!(is_harmless(&shown.stdout), "{shown:?}");
        assert!(shown.stdout.len() < 400_000, "{}", shown.stdout.len());
        let ran = letters
            .run(&["show", id, "--format", "json"])
            .await
            .ended(0);
        assert!(is_harmless(&ran.stdout), "{ran:?}");
        let full = ran.json();
        match std::str::from_utf8(body) {
            Ok(text) => assert_eq!(full["body"], text),
            Err(_) => assert_eq!(full["body_encoding"], "base64"),
        }
        assert_eq!(full["reason"], HOSTILE);
    }
    let cut = letters.run(&["show", &ids[3]]).await.stdout;
    assert!(cut.contains("65536 of 200000 bytes"), "{}", &cut[..500]);
    // What it says is that it came from nowhere.
    let ran = letters.run(&["redrive", "--all"]).await.ended(1);
    assert!(is_harmless(&ran.stdout), "{ran:?}");
    assert!(
        ran.stdout.contains("no queue of this installation"),
        "{ran:?}"
    );
    assert!(ran.stdout.ends_with("[failed]\n7 refused\n"), "{ran:?}");
    assert_eq!(letters.ids().await, ids);
    letters.close().await;
}

#[tokio::test]
async fn several_may_look_at_once() {
    let letters = Letters::new().await;
    for n in 0..300 {
        letters
            .set_aside(n.to_string().as_bytes(), "no JSON", &letters.queue())
            .await;
    }
    letters.settled(300).await;
    let ids = letters.ids().await;
    let mut running = JoinSet::new();
    for _ in 0..4 {
        running.spawn(finish(
            letters.program(&["list", "--format", "json", "--limit", "300"]),
        ));
    }
    let mut lists = running.join_all().await.into_iter();
    let first = lists.next().unwrap().ended(0).json();
    assert_eq!(first["total"], 300);
    assert_eq!(first["items"][0]["id"], json!(ids[0]));
    for list in lists {
        assert_eq!(list.ended(0).json(), first);
    }
    letters.close().await;
}

#[tokio::test]
async fn ids_that_are_not_there_and_servers_that_are_not() {
    let letters = Letters::new().await;
    letters.set_aside(b"1", "no JSON", &letters.queue()).await;
    letters.settled(1).await;
    let [id] = letters.ids().await.try_into().unwrap();
    for args in [
        &["show", "0123456789ab"][..],
        &["redrive", &id, "0123456789ab"],
        &["purge", &id, "0123456789ab", "--yes"],
    ] {
        let ran = letters.run(args).await.ended(6);
        assert!(
            ran.stderr.contains("no dead letter 0123456789ab"),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("dead-letters list"), "{ran:?}");
    }
    assert_eq!(letters.ids().await, std::slice::from_ref(&id));
    for args in [
        &["show", "nonsense"][..],
        &["redrive"],
        &["redrive", "--dry-run"],
        &["purge", "--yes"],
        &["redrive", "--all", &id],
        &["purge", "--all", "--queue", "requests", "--yes"],
        &["list", "--limit", "0"],
    ] {
        letters.run(args).await.ended(2);
    }

    let mut nobody = letters.program(&["list"]);
    nobody.env("AMQP_URL", "amqp://alice:hunter2@127.0.0.1:1/efa");
    let ran = finish(nobody).await.ended(5);
    assert!(ran.stderr.contains("127.0.0.1:1"), "{ran:?}");
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");

    let mut undeclared = program(&["dead-letters", "list", "--broker-prefix", "test-nothing"]);
    undeclared.env("AMQP_URL", &letters.options.url);
    let ran = finish(undeclared).await.ended(5);
    assert!(ran.stderr.contains("start a worker"), "{ran:?}");
    letters.close().await;
}

/// 10,000 letters of 20 kB each: seconds, and little memory.
#[tokio::test]
async fn ten_thousand_letters_take_little_time_and_memory() {
    let letters = Letters::new().await;
    let mut body = vec![b'x'; 20_000];
    for n in 0..10_000_u32 {
        body[..4].copy_from_slice(&n.to_be_bytes());
        letters.set_aside(&body, "no JSON", &letters.queue()).await;
    }
    letters.settled(10_000).await;
    let began = Instant::now();
    let mut child = letters
        .program(&["list", "--limit", "1", "--format", "json"])
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let read = std::fs::read_to_string(&status).unwrap_or_default();
        let line = read.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(kib.unwrap_or(0_u64));
        assert!(began.elapsed() < Duration::from_secs(120));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ran = crate::support::ran(child.wait_with_output().await.unwrap()).ended(0);
    assert_eq!(ran.json()["total"], 10_000);
    assert!(ran.stderr.contains("there are 10000 of them"), "{ran:?}");
    assert!((1..100 * 1024).contains(&peak), "{peak} KiB");
    letters.close().await;
}
