//! The loop that publishes what the ledger says is due.

use schemas::State;
use simulator::Fleet;
use tests::{World, until};
use worker::points::Point;

const MANY: usize = 40;

/// The messages on their way need connections to Postgres, and so does the question what else is
/// due: neither may wait for the other.
#[tokio::test]
async fn many_due_steps_get_by_with_one_connection() {
    let world = World::new(Fleet::generate(MANY)).await;
    // It accepts requests, and nobody takes up what it announces. With few places it asks for more
    // while messages are on their way.
    let waker = world.worker_with(
        "worker.states = ['tpvm-revert']\nledger.max_connections = 1\n\
         ledger.connect_timeout = '5s'\ndue.batch = 8",
    );
    let requests: Vec<_> = (0..MANY).map(|n| world.request(n)).collect();
    let ids = world.accepted_all(&requests).await;
    until("each to be due three times", || async {
        let due = |id| waker.passed(Point::DueTaken, State::DeviceValidation, id);
        ids.iter().all(|id| due(*id) >= 3).then_some(())
    })
    .await;
    let log = waker.log();
    assert!(!log.contains("can't ask the ledger what is due"), "{log}");
    world.close().await;
}
