//! A publisher that the broker blocks, for want of memory or disk: what is to be said waits, the
//! log says why, steps are neither lost nor done twice, and all goes on when the alarm ends.

use std::time::Duration;

use ledger::Acceptance;
use schemas::State;
use services::{RabbitMq, scratch_dir};
use tests::{Trap, World, until};
use uuid::Uuid;
use worker::points::Point;

use crate::support::{all_upgraded, counted, fleet, logged, quiet};

/// An alarm that is raised between a record and its publish, and while other upgrades begin.
async fn alarm(raise: &[&str], end: &[&str]) {
    const COUNT: usize = 3;
    let scratch = scratch_dir().unwrap();
    let rabbitmq = RabbitMq::start(scratch.path()).await.unwrap();
    let world = World::on(&rabbitmq.url(), fleet(COUNT)).await;
    let impatient = "broker.publish_timeout = '1s'";
    let trap = Trap::stall(Point::Recorded).in_state(State::DeviceValidation);
    let worker = world.worker_at_with(trap, impatient);
    let mut ids = vec![world.accepted(&world.request(0)).await];
    worker.stalled().await;
    let _other = world.worker_with(impatient);
    rabbitmq.ctl(raise).await.unwrap();
    for n in 1..COUNT {
        let request = world.request(n);
        let accepted = world.ledger.accept(&request, Duration::ZERO).await;
        let Acceptance::Accepted { execution_id, .. } = accepted.unwrap() else {
            panic!("not accepted")
        };
        ids.push(execution_id);
    }
    worker.signal("CONT").await;
    // The broker blocks a connection at its next message, which it still takes.
    let blocked = "the broker takes no messages for the time being";
    until("both publishers to be blocked", || async {
        (counted(&world, &[blocked])[blocked] >= 2).then_some(())
    })
    .await;
    logged(&world, "raises no memory or disk alarm").await;
    // Longer than a claim lasts, and than the ledger waits before it wakes a step again. What is
    // in hand is recorded; nothing goes further than that.
    quiet(Duration::from_secs(2)).await;
    let before = standing(&world, &ids).await;
    quiet(Duration::from_secs(3)).await;
    assert_eq!(
        standing(&world, &ids).await,
        before,
        "told in spite of the alarm"
    );
    rabbitmq.ctl(end).await.unwrap();
    logged(&world, "the broker takes messages again").await;
    all_upgraded(&world, &ids).await;
    world.close().await;
    rabbitmq.stop().await.unwrap();
}

/// How many moves each has made.
async fn standing(world: &World, ids: &[Uuid]) -> Vec<i32> {
    let mut all = Vec::new();
    for id in ids {
        all.push(world.ledger.execution(*id).await.unwrap().unwrap().seq);
    }
    all
}

#[tokio::test]
async fn for_want_of_memory() {
    alarm(
        &["set_vm_memory_high_watermark", "absolute", "1"],
        &["set_vm_memory_high_watermark", "0.6"],
    )
    .await;
}

#[tokio::test]
async fn for_want_of_disk() {
    alarm(
        &["set_disk_free_limit", "999999999999999"],
        &["set_disk_free_limit", "1000000"],
    )
    .await;
}
