//! A part of a worker that ends: the worker says which and ends with an error, and its messages go
//! back.

use std::time::Duration;

use ledger::Acceptance;
use tests::{Trap, Wire, World};
use worker::points::Point;

use crate::support::{all_upgraded, fleet};

#[tokio::test]
async fn when_the_loop_of_due_steps_panics_then_the_worker_ends_with_an_error() {
    let world = World::new(fleet(1)).await;
    let worker = world.worker_at(Trap::panic(Point::DueTaken));
    // Nobody but the loop knows of it.
    let accepted = world.ledger.accept(&world.request(0), Duration::ZERO).await;
    let Acceptance::Accepted { execution_id, .. } = accepted.unwrap() else {
        panic!("not accepted")
    };
    assert_eq!(worker.exit(Duration::from_secs(60)).await.0, Some(1));
    let log = world.logs();
    assert!(
        log.contains("the loop that publishes what is due ended unexpectedly"),
        "{log}"
    );
    let _other = world.worker();
    all_upgraded(&world, &[execution_id]).await;
    let letters = Wire::open(&world).await.dead_letters(&world).await;
    assert!(letters.is_empty(), "{letters:?}");
    world.close().await;
}
