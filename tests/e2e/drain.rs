//! A worker that is told to end: it finishes or hands back what it holds, and ends in time.

use std::time::Duration;

use schemas::State;
use simulator::{Fault, FaultKind};
use sqlx::{Connection, PgConnection};
use tests::{Exit, World};

use crate::checks::{assert_upgraded, normal};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_idle_worker_ends_at_once() {
    for signal in ["TERM", "INT"] {
        let world = World::new(normal()).await;
        let worker = world.worker();
        let id = world.accepted(&world.request(0)).await;
        world.finished(id).await;
        worker.signal(signal).await;
        assert_eq!(worker.exit(SOON).await, Exit(Some(0)));
        world.close().await;
    }
}

#[tokio::test]
async fn a_step_in_hand_is_finished() {
    let world = World::new(normal()).await;
    let hold = FaultKind::Slow(Duration::from_secs(1));
    world.fault(0, Fault::new("show-version", hold).once());
    let worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    worker.signal("TERM").await;
    assert_eq!(worker.exit(SOON).await, Exit(Some(0)));
    let execution = world.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(
        execution.state,
        State::TpvmConfigValidation,
        "{execution:?}"
    );
    let _next = world.worker();
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_handed_back_and_not_counted() {
    let world = World::new(normal()).await;
    let hold = FaultKind::Slow(Duration::from_secs(8));
    world.fault(0, Fault::new("show-version", hold).once());
    // The command is not given up meanwhile.
    let worker = world.worker_with(
        "worker.drain_timeout = '4s'\nslx.command_timeout = '10s'\ntiming.settle = '15s'\n\
         timing.redeploy_quiet = '20s'",
    );
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    worker.signal("TERM").await;
    assert_eq!(worker.exit(SOON).await, Exit(Some(0)));
    let execution = world.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(
        (execution.state, execution.attempts),
        (State::DeviceValidation, 0)
    );
    assert_eq!(execution.claimed_by, None, "{execution:?}");
    let _next = world.worker();
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}

#[tokio::test]
async fn when_nothing_can_be_handed_back_then_it_ends_within_the_timeout_all_the_same() {
    let world = World::new(normal()).await;
    let hold = FaultKind::Slow(Duration::from_secs(20));
    world.fault(0, Fault::new("show-version", hold).once());
    let worker = world.worker_with("[worker]\ndrain_timeout = '2s'");
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    // Statements wait for it, for up to half a minute.
    let mut other = PgConnection::connect(world.database_url()).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    let sql = "LOCK TABLE executions IN ACCESS EXCLUSIVE MODE";
    sqlx::query(sql).execute(&mut *lock).await.unwrap();
    worker.signal("TERM").await;
    assert_eq!(worker.exit(SOON).await, Exit(Some(0)));
    lock.rollback().await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let world = World::new(normal()).await;
    let hold = FaultKind::Slow(Duration::from_millis(1500));
    world.fault(0, Fault::new("show-version", hold).once());
    let worker = world.worker_with("[worker]\ndrain_timeout = '1m'");
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    worker.signal("TERM").await;
    tests::until("the first signal in the log", || async {
        worker.log().contains("draining").then_some(())
    })
    .await;
    worker.signal("TERM").await;
    assert_eq!(worker.exit(Duration::from_secs(1)).await, Exit(Some(130)));
    let _next = world.worker();
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}
