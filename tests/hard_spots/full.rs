//! A queue that takes no more messages, for a policy bounds it and nobody consumes: what is meant
//! for it waits, and holds up nothing else that is due.

use std::path::Path;
use std::time::{Duration, SystemTime};

use ledger::Acceptance;
use schemas::State;
use services::{RabbitMq, scratch_dir};
use tests::{Wire, World, until};

use crate::support::{all_upgraded, fleet, logged};

/// Serves no upgrades of TPVMs, and wakes steps again soon.
fn without_upgrades(heartbeat: &Path) -> String {
    let states = State::ACTING.into_iter();
    let states: Vec<_> = states
        .filter(|state| *state != State::TpvmUpgrade)
        .map(|state| format!("'{}'", state.slug()))
        .collect();
    format!(
        "[worker]\nstates = [{}]\nheartbeat_file = '{}'\n[due]\nagain_after = '300ms'",
        states.join(", "),
        heartbeat.display()
    )
}

/// When the loop last went round.
fn beaten(heartbeat: &Path) -> SystemTime {
    heartbeat.metadata().unwrap().modified().unwrap()
}

#[tokio::test]
async fn a_step_that_its_queue_refuses_holds_up_no_other() {
    let scratch = scratch_dir().unwrap();
    let rabbitmq = RabbitMq::start(scratch.path()).await.unwrap();
    let world = World::on(&rabbitmq.url(), fleet(2)).await;
    let queue = world.names.state_queue(State::TpvmUpgrade).unwrap();
    let bound = r#"{"max-length": 1, "overflow": "reject-publish"}"#;
    let policy = format!("^{queue}$");
    rabbitmq
        .ctl(&["set_policy", "full", &policy, bound, "--apply-to", "queues"])
        .await
        .unwrap();
    let heartbeat = scratch.path().join("heartbeat");
    let stuck = world.worker_with(&without_upgrades(&heartbeat));
    let mut ids = vec![world.accepted(&world.request(0)).await];
    // The step's first messages fill the queue; the ledger has it published again and again.
    logged(&world, "the broker refused the message").await;

    // Nobody but the loop knows of the other one.
    let accepted = world.ledger.accept(&world.request(1), Duration::ZERO).await;
    let Acceptance::Accepted { execution_id, .. } = accepted.unwrap() else {
        panic!("not accepted")
    };
    ids.push(execution_id);
    until("the other upgrade to go on", || async {
        let other = world.ledger.execution(execution_id).await.unwrap().unwrap();
        (other.state == State::TpvmUpgrade).then_some(())
    })
    .await;
    let before = beaten(&heartbeat);
    until("a heartbeat", || async {
        (beaten(&heartbeat) > before).then_some(())
    })
    .await;
    assert!(Wire::open(&world).await.ready(&queue).await > 0, "{queue}");

    let _other = world.worker();
    all_upgraded(&world, &ids).await;
    drop(stuck);
    world.close().await;
    rabbitmq.stop().await.unwrap();
}
