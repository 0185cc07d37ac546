//! `execute`: the request as EFA would publish it, and each kind of answer.

use schemas::{Answer, Message, Reason, ReasonCode, UpgradeRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::responder::{ARGS, Responder};
use crate::support::{Site, finish, program};

fn accepted(execution_id: Uuid) -> Answer {
    Answer::Accepted {
        execution_id,
        duplicate: false,
    }
}

#[tokio::test]
async fn publishes_what_efa_would_and_prints_the_execution() {
    let mut responder = Responder::start().await;
    let id = Uuid::now_v7();
    let running = tokio::spawn(finish(responder.program(&[
        "--trusted-peer-sudo-user",
        "extreme",
        "--trusted-peer-password-secret",
        "peer-sudo",
        "--force",
        "--clean-redeploy",
        "--requested-by",
        "alice",
    ])));
    let (request, delivery) = responder.request().await;
    assert_eq!(
        serde_json::from_slice::<Value>(&delivery.body).unwrap(),
        json!({
            "version": 1,
            "request_id": request.request_id,
            "ip_address": "10.20.1.28",
            "firmware_host": "10.20.1.5",
            "tpvm_image": "/images/tpvm-4.6.0.deb",
            "requested_by": "alice",
            "trusted_peer_sudo_user": "extreme",
            "trusted_peer_password_secret": "peer-sudo",
            "options": {"force": true, "clean_redeploy": true},
        })
    );
    assert_eq!(delivery.message_type.as_deref(), Some(UpgradeRequest::TYPE));
    let request_id = request.request_id.to_string();
    assert_eq!(delivery.message_id.as_deref(), Some(request_id.as_str()));
    assert_eq!(
        delivery.correlation_id.as_deref(),
        Some(request_id.as_str())
    );

    // An answer to someone else's request is not ours.
    let other = Some(Uuid::now_v7().to_string());
    responder
        .reply(&delivery, other, accepted(Uuid::now_v7()))
        .await;
    responder
        .reply(&delivery, Some(request_id.clone()), accepted(id))
        .await;
    delivery.ack().await.unwrap();
    let ran = running.await.unwrap().ended(0);
    assert_eq!(
        ran.stdout,
        format!(
            "TPVM Upgrade request UUID: {request_id}\n\
             TPVM Upgrade Execute [success]\n\
             TPVM Upgrade execution UUID: {id}\n\
             execute the CLI to get details: tpvm-upgrade show --execution-id {id}\n"
        )
    );
    assert_eq!(ran.stderr, "");
    responder.stop().await;
}

#[tokio::test]
async fn the_same_request_id_again() {
    let mut responder = Responder::start().await;
    let (id, request_id) = (Uuid::now_v7(), Uuid::now_v7());
    let duplicate = Answer::Accepted {
        execution_id: id,
        duplicate: true,
    };
    let text = request_id.to_string();
    let args = ["--request-id", &text];
    let (ran, request) = responder.answered(&args, duplicate.clone()).await;
    assert_eq!(request.request_id, request_id);
    let ran = ran.ended(0);
    assert!(
        ran.stdout.contains("[success] (accepted before)\n"),
        "{ran:?}"
    );

    let args = ["--request-id", &text, "--format", "json"];
    let (ran, _) = responder.answered(&args, duplicate).await;
    assert_eq!(
        ran.ended(0).json(),
        json!({
            "version": 1, "request_id": request_id, "answer": "accepted",
            "execution_id": id, "duplicate": true,
        })
    );
    responder.stop().await;
}

#[tokio::test]
async fn a_rejected_request_says_why() {
    let mut responder = Responder::start().await;
    let rejected = Answer::Rejected {
        reasons: vec![Reason {
            code: ReasonCode::DeploymentBusy,
            message: "another upgrade of site-1 has not finished".to_owned(),
            remedy: "wait for it".to_owned(),
        }],
    };
    let (ran, _) = responder.answered(&[], rejected.clone()).await;
    let ran = ran.ended(3);
    assert!(
        ran.stdout.ends_with(
            "TPVM Upgrade Execute [failed]\nError Message: another upgrade of site-1 has not \
             finished. Remedy: wait for it\n"
        ),
        "{ran:?}"
    );
    let (ran, _) = responder.answered(&["--format", "json"], rejected).await;
    let answer = ran.ended(3).json();
    assert_eq!(answer["reasons"][0]["code"], "deployment-busy");
    responder.stop().await;
}

#[tokio::test]
async fn silence_is_told_with_the_way_out() {
    let responder = Responder::start().await;
    let id = Uuid::now_v7().to_string();
    let args = ["--timeout", "1s", "--request-id", &id];
    let ran = finish(responder.program(&args)).await.ended(4);
    assert!(ran.stderr.contains("no answer to the request"), "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("--request-id {id} is safe")),
        "{ran:?}"
    );

    let args = [&args[..], &["--format", "json"]].concat();
    let ran = finish(responder.program(&args)).await.ended(4);
    assert_eq!(ran.json(), json!({"request_id": id, "answer": "none"}));
    responder.stop().await;
}

#[tokio::test]
async fn without_any_worker_nothing_is_done() {
    let prefix = format!("test-{}", Uuid::new_v4().simple());
    let mut command = program(&ARGS);
    command
        .env("AMQP_URL", services::amqp_url().unwrap())
        .env("TPVM_BROKER_PREFIX", &prefix);
    let ran = finish(command).await.ended(5);
    assert!(
        ran.stderr.contains("no queue for upgrade requests"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("next: start a worker"), "{ran:?}");
}

#[tokio::test]
async fn wait_follows_the_upgrade_to_its_end() {
    let site = Site::new().await;
    let mut responder = Responder::start().await;
    let mut good = site.accept(1).await;
    good.completes().await;
    let mut bad = site.accept(2).await;
    bad.fails_validation().await;

    for (id, code, last) in [
        (good.id, 0, "TPVM Upgrade Completed (succeeded)"),
        (
            bad.id,
            1,
            "TPVM Upgrade Failed (failed): the firmware host 10.20.1.5 is not registered. Remedy: register it",
        ),
    ] {
        let mut command = responder.program(&["--wait"]);
        command.env("DATABASE_URL", site.database.url());
        let running = tokio::spawn(finish(command));
        let (_, delivery) = responder.request().await;
        responder
            .reply(&delivery, delivery.correlation_id.clone(), accepted(id))
            .await;
        delivery.ack().await.unwrap();
        let ran = running.await.unwrap().ended(code);
        assert!(ran.stdout.contains(&id.to_string()), "{ran:?}");
        assert!(ran.stdout.trim_end().ends_with(last), "{ran:?}");
    }

    // What would keep it from following is known before anything is asked for.
    let ran = finish(responder.program(&["--wait"])).await.ended(2);
    assert!(ran.stderr.contains("DATABASE_URL is not set"), "{ran:?}");
    assert!(responder.requests.try_recv().is_err());
    responder.stop().await;
}

/// Nothing of a connection that is just being given up may outlive the runtime that it needs.
#[tokio::test]
async fn when_the_answer_is_not_waited_for_then_the_program_ends_without_a_panic() {
    let responder = Responder::start().await;
    for _ in 0..25 {
        let ran = finish(responder.program(&["--timeout", "0s"]))
            .await
            .ended(4);
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        assert!(ran.stderr.starts_with("error: "), "{ran:?}");
    }
    responder.stop().await;
}

#[tokio::test]
async fn when_no_variable_names_the_user_then_the_system_does() {
    let mut responder = Responder::start().await;
    let mut command = responder.program(&["--timeout", "5s"]);
    command.env_remove("USER").env_remove("LOGNAME");
    let running = tokio::spawn(finish(command));
    let (request, delivery) = responder.request().await;
    let login = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let login = String::from_utf8(login.stdout).unwrap();
    assert_eq!(request.requested_by.to_string(), login.trim());
    delivery.ack().await.unwrap();
    running.await.unwrap().ended(4);
    responder.stop().await;
}
