//! A part of a worker that ends: the worker says which and ends with an error, and its messages go
//! back. A message at which a worker panics goes back, too, and ends no worker.

use std::path::PathBuf;
use std::time::Duration;

use broker::Outgoing;
use ledger::Acceptance;
use schemas::{Answer, ReasonCode, State, TraceContext};
use simulator::{Fault, FaultKind};
use tests::{Part, Process, Trap, Wire, World, until};
use worker::points::Point;

use crate::support::{all_upgraded, fleet};

const SOON: Duration = Duration::from_secs(60);

async fn no_dead_letters(world: &World) {
    let letters = Wire::open(world).await.dead_letters(world).await;
    assert!(letters.is_empty(), "{letters:?}");
}

#[tokio::test]
async fn when_the_loop_of_due_steps_panics_then_the_worker_ends_with_an_error() {
    let world = World::new(fleet(1)).await;
    let worker = world.worker_at(Trap::panic(Point::DueTaken));
    // Nobody but the loop knows of it.
    let accepted = world.ledger.accept(&world.request(0), Duration::ZERO).await;
    let Acceptance::Accepted { execution_id, .. } = accepted.unwrap() else {
        panic!("not accepted")
    };
    assert_eq!(worker.exit(SOON).await.0, Some(1));
    let log = world.logs();
    assert!(
        log.contains("the loop that publishes what is due ended unexpectedly"),
        "{log}"
    );
    let _other = world.worker();
    all_upgraded(&world, &[execution_id]).await;
    no_dead_letters(&world).await;
    world.close().await;
}

/// Sees the worker name the part that ended, and end.
async fn ends(worker: Process, part: Part, nth: u32) {
    let named = match part {
        Part::Consumer => "the consumer ended unexpectedly",
        Part::Publisher => "the publisher ended unexpectedly",
        Part::Lane(_) => "a task of the ledger ended unexpectedly",
    };
    until(&format!("the end of {part:?} {nth}"), || async {
        worker.log().contains(named).then_some(())
    })
    .await;
    assert_eq!(worker.exit(SOON).await.0, Some(1), "{part:?} {nth}");
}

#[tokio::test]
async fn when_any_other_part_panics_then_the_worker_ends_with_an_error_and_others_go_on() {
    let world = World::new(fleet(1)).await;
    // Long enough that the claim is renewed.
    let slow = FaultKind::Slow(Duration::from_millis(1500));
    world.fault(0, Fault::new("show-version", slow).times(2));
    broker::declare(&world.broker).await.unwrap();
    let trace = TraceContext::new_root();
    let message = Outgoing::request(&world.names, &world.request(0), None, trace);
    world.publisher.publish(message).await.unwrap();
    for (part, nth) in [
        (Part::Consumer, 1),
        // Those for steps, events and replies, in any order.
        (Part::Publisher, 1),
        (Part::Publisher, 2),
        (Part::Publisher, 3),
        (Part::Lane("AcceptRequests"), 1),
        (Part::Lane("ClaimSteps"), 1),
        (Part::Lane("RenewClaims"), 1),
        (Part::Lane("RecordTransitions"), 1),
        (Part::Lane("NoteFacts"), 1),
        (Part::Lane("WaitForLater"), 1),
    ] {
        let worker = world.worker_at(Trap::panic_in(part).nth(nth));
        ends(worker, part, nth).await;
    }
    let _worker = world.worker();
    let executions = until("an execution", || async {
        let found = world.ledger.executions(&Default::default()).await.unwrap();
        (!found.is_empty()).then_some(found)
    });
    let id = executions.await[0].as_ref().unwrap().id;
    all_upgraded(&world, &[id]).await;
    no_dead_letters(&world).await;
    world.close().await;
}

#[tokio::test]
async fn when_a_worker_panics_once_at_a_message_then_it_comes_back_and_the_worker_goes_on() {
    for trap in [
        Trap::panic(Point::RequestReceived),
        Trap::panic(Point::Accepted),
        Trap::panic(Point::Replied),
        Trap::panic(Point::Received).in_state(State::TpvmUpgrade),
        Trap::panic(Point::Recorded).in_state(State::TpvmUpgrade),
        Trap::panic(Point::Settling).in_state(State::TpvmUpgrade),
    ] {
        let world = World::new(fleet(1)).await;
        let worker = world.worker_at(trap);
        let id = world.accepted(&world.request(0)).await;
        all_upgraded(&world, &[id]).await;
        assert!(worker.log().contains("a task panicked"), "{trap}");
        no_dead_letters(&world).await;
        worker.signal("TERM").await;
        assert_eq!(worker.exit(SOON).await.0, Some(0), "{trap}");
        world.close().await;
    }
}

#[tokio::test]
async fn when_workers_panic_at_a_request_again_then_it_is_answered_and_kept() {
    let world = World::new(fleet(1)).await;
    let worker = world.worker_at(Trap::panic(Point::RequestReceived).always());
    let request = world.request(0);
    let Answer::Rejected { reasons } = world.submit(&request).await else {
        panic!("accepted")
    };
    assert_eq!(reasons[0].code, ReasonCode::Internal, "{reasons:?}");
    let wire = Wire::open(&world).await;
    let letters = until("the dead letter", || async {
        let letters = wire.dead_letters(&world).await;
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    assert!(
        letters[0].contains("the worker panicked at "),
        "{letters:?}"
    );
    // Workers of a version without the fault take the same id.
    worker.kill().await;
    let _worker = world.worker();
    let id = world.accepted(&request).await;
    all_upgraded(&world, &[id]).await;
    world.close().await;
}

#[tokio::test]
async fn when_workers_panic_at_a_request_that_they_accepted_then_it_is_carried_out() {
    let world = World::new(fleet(1)).await;
    let _worker = world.worker_at(Trap::panic(Point::Accepted).always());
    let id = world.accepted(&world.request(0)).await;
    all_upgraded(&world, &[id]).await;
    no_dead_letters(&world).await;
    world.close().await;
}

/// What `tpvm-worker health` says of a worker with this heartbeat file.
async fn healthy(world: &World, file: &std::path::Path) -> bool {
    let config = world.dir().join("health.toml");
    let text = format!("worker.heartbeat_file = '{}'\n", file.display());
    std::fs::write(&config, text).unwrap();
    let mut health = tokio::process::Command::new(tests::binary("tpvm-worker"));
    health.arg("--config").arg(config).arg("health");
    health.status().await.unwrap().success()
}

#[tokio::test]
async fn when_a_worker_has_ended_or_can_not_start_then_it_is_not_healthy() {
    let mut world = World::new(fleet(1)).await;
    let file: PathBuf = world.dir().join("alive");
    let extra = format!("worker.heartbeat_file = '{}'", file.display());
    let beats = || async { healthy(&world, &file).await.then_some(()) };
    assert!(!healthy(&world, &file).await);

    let worker = world.worker_with(&extra);
    until("a heartbeat", beats).await;
    worker.signal("TERM").await;
    assert_eq!(worker.exit(SOON).await.0, Some(0));
    assert!(!healthy(&world, &file).await, "after a drain");

    let worker = world.worker_at_with(Trap::panic(Point::DueTaken), &extra);
    until("a heartbeat", beats).await;
    let accepted = world.ledger.accept(&world.request(0), Duration::ZERO).await;
    accepted.unwrap();
    assert_eq!(worker.exit(SOON).await.0, Some(1));
    assert!(!healthy(&world, &file).await, "after a part's end");

    // Left behind by one that was killed.
    std::fs::write(&file, b"").unwrap();
    world.set_env("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f");
    let worker = world.worker_with(&extra);
    assert_eq!(worker.exit(SOON).await.0, Some(5));
    assert!(!healthy(&world, &file).await, "without a broker");
    world.close().await;
}
