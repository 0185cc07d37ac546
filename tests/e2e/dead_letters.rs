//! Messages that were set aside, redriven by an operator: carried out then, and once.

use std::time::Duration;

use broker::{Consumer, Outgoing};
use ledger::{Acceptance, Filter, Ledger, LedgerOptions};
use schemas::{State, Step, TraceContext, V1};
use serde_json::Value;
use tests::{World, until};
use tokio_util::sync::CancellationToken;

use crate::checks::{NORMAL, assert_upgraded, effects, normal};

const SOON: Duration = Duration::from_secs(30);
/// How often a request may come back.
const REQUEST_DELIVERY_LIMIT: usize = 1000;

/// What `dead-letters list` tells programs, as soon as there is one letter.
async fn the_letter(world: &World) -> Value {
    until("a dead letter", || async {
        let output = world
            .cli(&["dead-letters", "list", "--format", "json"])
            .await;
        let list: Value = serde_json::from_slice(&output.stdout).expect("a list");
        let letters = list["items"].as_array().unwrap();
        assert!(letters.len() < 2, "{list}");
        letters.first().cloned()
    })
    .await
}

async fn redrive(world: &World, letter: &Value) {
    let id = letter["id"].as_str().unwrap();
    let output = world.cli(&["dead-letters", "redrive", id]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

async fn assert_no_letter(world: &World) {
    let output = world
        .cli(&["dead-letters", "list", "--format", "json"])
        .await;
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["total"], 0, "{list}");
}

/// Nobody ever finished the request, so RabbitMQ set it aside at its delivery limit.
#[tokio::test]
async fn a_request_that_nobody_finished_is_carried_out_once() {
    let world = World::new(normal()).await;
    let request = world.request(0);
    let message = Outgoing::request(&world.names, &request, None, TraceContext::new_root());
    world.publisher.publish(message).await.unwrap();
    let stop = CancellationToken::new();
    let queue = world.names.request_queue();
    let (consumer, mut messages) =
        Consumer::start(world.broker.clone(), vec![(queue.clone(), 1)], stop.clone());
    for _ in 0..=REQUEST_DELIVERY_LIMIT {
        let message = tokio::time::timeout(SOON, messages.recv()).await;
        message.unwrap().unwrap().requeue().await.unwrap();
    }
    stop.cancel();
    drop(messages);
    consumer.finished().await;

    let letter = the_letter(&world).await;
    assert_eq!(letter["request_id"], request.request_id.to_string());
    assert_eq!(letter["queue"], queue);
    let _worker = world.worker();
    redrive(&world, &letter).await;
    let id = until("the execution", || async {
        let filter = Filter {
            limit: 2,
            ..Filter::default()
        };
        let found = world.ledger.executions(&filter).await.unwrap();
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|found| found.as_ref().unwrap().id)
    })
    .await;
    let execution = world.finished(id).await;
    assert_eq!(execution.request_id, request.request_id);
    assert_upgraded(&world, &execution);
    assert_eq!(effects(&world), [1, 0, 0, 1]);
    assert_no_letter(&world).await;
    world.close().await;
}

/// A worker with a wrong `DATABASE_URL` took a step, and its ledger had never heard of it.
#[tokio::test]
async fn a_step_that_a_stray_worker_took_is_carried_out_once() {
    let world = World::new(normal()).await;
    let other = services::database().await.unwrap();
    let options = LedgerOptions::default();
    let ledger = Ledger::connect(other.url(), &options).await.unwrap();
    ledger.migrate().await.unwrap();
    ledger.close().await;

    // The ledger itself would bring the step back, but not before the test is over.
    let never = Duration::from_secs(3600);
    let accepted = world.ledger.accept(&world.request(0), never).await.unwrap();
    let Acceptance::Accepted { execution_id, .. } = accepted else {
        panic!("{accepted:?}");
    };
    let step = Step {
        version: V1,
        execution_id,
        seq: 1,
        state: State::DeviceValidation,
    };
    let message = Outgoing::step(&world.names, &step, TraceContext::new_root());
    world.publisher.publish(message).await.unwrap();
    let stray = world.stray_worker(&other);
    let letter = the_letter(&world).await;
    stray.kill().await;
    other.close().await.unwrap();
    assert_eq!(letter["execution_id"], execution_id.to_string());
    assert_eq!(letter["set_aside_by"], "worker-0");
    let reason = letter["reason"].as_str().unwrap();
    assert!(reason.contains("has no execution"), "{letter}");
    let remedy = letter["remedy"].as_str().unwrap();
    assert!(remedy.contains("DATABASE_URL"), "{letter}");

    let _worker = world.worker();
    redrive(&world, &letter).await;
    let execution = world.finished(execution_id).await;
    assert_upgraded(&world, &execution);
    assert_eq!(world.path(execution_id).await, NORMAL);
    assert_eq!(effects(&world), [1, 0, 0, 1]);
    assert_no_letter(&world).await;
    world.close().await;
}
