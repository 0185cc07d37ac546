//! The due loop flooding a backlog with copies: their number is bounded by the doubling of the
//! time between them, however many workers run the loop, and a copy of a step that is done or
//! held costs one claim and nothing more.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is shown beside the bound"
)]

use std::time::{Duration, Instant};

use broker::Inbox;
use schemas::{Event, State, decode};
use tests::{Wire, World, until};

use crate::support::{accept_all, all_upgraded, counted, fleet, quiet, value};

const AGAIN: Duration = Duration::from_millis(500);

/// How many copies the doubling allows in this time: after once, twice, four times … as long.
fn allowed(time: Duration) -> u32 {
    let doublings = (time.as_secs_f64() / AGAIN.as_secs_f64()).max(1.0).log2();
    2 + doublings.floor() as u32
}

#[tokio::test]
async fn a_backlog_that_nobody_consumes() {
    const COUNT: u32 = 5;
    let world = World::new(fleet(COUNT as usize)).await;
    let mut events = Inbox::open(&world.broker).await.unwrap();
    events.subscribe("event.#").await.unwrap();
    let stuck = "[worker]\nstates = ['device-validation']\n[due]\nagain_after = '500ms'";
    let first = [
        world.worker_with(stuck),
        world.worker_with(stuck),
        world.worker_with(stuck),
    ];
    let begun = Instant::now();
    let ids = accept_all(&world, COUNT as usize).await;
    let waiting = "SELECT count(*) FROM executions WHERE state = 'tpvm-config-validation'";
    until("all steps to wait", || async {
        (value::<i64>(&world, waiting).await == i64::from(COUNT)).then_some(())
    })
    .await;
    quiet(Duration::from_secs(8)).await;
    let wire = Wire::open(&world).await;
    let queue = world.names.state_queue(State::TpvmConfigValidation);
    let messages = wire.ready(&queue.unwrap()).await;
    let most = COUNT * (1 + allowed(begun.elapsed()));
    println!(
        "{COUNT} steps, {messages} messages after {:?}, {most} allowed",
        begun.elapsed()
    );
    assert!(
        (2 * COUNT..=most).contains(&messages),
        "{messages} messages, {most} allowed"
    );

    // Now somebody consumes: each step is done once, and its copies breed no others.
    for worker in first {
        worker.kill().await;
    }
    // One message after the other, so that each copy finds its step done; and without new copies,
    // however long that takes.
    let _worker = world.worker_with("worker.concurrency = 1\ndue.again_after = '60s'");
    all_upgraded(&world, &ids).await;
    let mut told = [0u32; 8];
    while let Some(event) = events.next(Duration::from_secs(1)).await.unwrap() {
        let event: Event = decode(&event.body).unwrap();
        told[event.seq as usize] += 1;
    }
    println!("events by the number of the move: {told:?}");
    assert_eq!(told[1], COUNT, "{told:?}");
    assert!(told[2] <= most, "{told:?}");
    for later in &told[3..6] {
        assert_eq!(*later, COUNT, "{told:?}");
    }
    let stale = "stale message";
    let found = counted(&world, &[stale])[stale];
    assert!(
        found >= COUNT as usize,
        "{found} copies found their step done"
    );
    world.close().await;
}

/// A step is held for long, and copies of its message come all the while.
#[tokio::test]
async fn copies_of_a_step_that_is_held() {
    let world = World::new(fleet(1)).await;
    let slow = simulator::FaultKind::Slow(Duration::from_millis(1500));
    world.fault(0, simulator::Fault::new("show-version", slow).once());
    let _workers = [world.worker(), world.worker()];
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    let step = schemas::Step {
        version: schemas::V1,
        execution_id: id,
        seq: 1,
        state: State::DeviceValidation,
    };
    let trace = schemas::TraceContext::new_root();
    for _ in 0..20 {
        let copy = broker::Outgoing::step(&world.names, &step, trace);
        world.publisher.publish(copy).await.unwrap();
    }
    until("all copies to be looked at", || async {
        let held = "held by another worker; the ledger will see to it";
        (counted(&world, &[held])[held] == 20).then_some(())
    })
    .await;
    all_upgraded(&world, &[id]).await;
    world.close().await;
}
