//! A step whose deadline passes while no worker is alive: it is settled by the first one that
//! returns, which looks first. What is done is done; what is not is not begun any more.

use std::time::Duration;

use schemas::{State, Verdict};
use tests::{Trap, World, until};
use worker::points::Point;

use crate::checks::{assert_upgraded, effects, normal};
use crate::support::{quiet, sql};

const SOON: &str = "timing.upgrade_deadline = '6s'";

#[tokio::test]
async fn what_the_device_did_meanwhile_counts() {
    let world = World::new(normal()).await;
    let trap = Trap::crash(Point::Commanded).in_state(State::TpvmUpgrade);
    let victim = world.worker_at_with(trap, SOON);
    let id = world.accepted(&world.request(0)).await;
    victim.killed("after the command").await;
    until("the device to be done", || async {
        let device = world.standby(0).state();
        (device.running && device.tpvm_version.as_deref() == Some("4.2.5")).then_some(())
    })
    .await;
    quiet(Duration::from_secs(7)).await;
    let _next = world.worker_with(SOON);
    assert_upgraded(&world, &world.finished(id).await);
    assert_eq!(effects(&world), [1, 0, 0, 1]);
    world.close().await;
}

#[tokio::test]
async fn what_was_not_done_has_failed() {
    let world = World::new(normal()).await;
    let trap = Trap::crash(Point::Intended).in_state(State::TpvmUpgrade);
    let victim = world.worker_at_with(trap, SOON);
    let id = world.accepted(&world.request(0)).await;
    victim.killed("before the command").await;
    let before = world.standby(0).state();
    quiet(Duration::from_secs(7)).await;
    let _next = world.worker_with(SOON);
    let execution = world.finished(id).await;
    assert_eq!(execution.verdict, Some(Verdict::Reverted), "{execution:?}");
    assert_eq!(execution.failed_state, Some(State::TpvmUpgrade));
    let cause = execution.failure.unwrap().cause;
    assert!(cause.contains("did not end within 6s"), "{cause}");
    assert_eq!(world.standby(0).received("tpvm-upgrade"), 0);
    assert_eq!(world.standby(0).state(), before);
    world.close().await;
}

/// Days pass between the acceptance and the first worker: what only reads is done all the same.
#[tokio::test]
async fn an_upgrade_that_waited_for_days_begins() {
    let world = World::new(normal()).await;
    let request = world.request(0);
    let accepted = world.ledger.accept(&request, Duration::from_secs(3600));
    let ledger::Acceptance::Accepted { execution_id, .. } = accepted.await.unwrap() else {
        panic!("not accepted")
    };
    sql(
        &world,
        "UPDATE executions SET started_at = started_at - interval '3 days',
             updated_at = updated_at - interval '3 days', created_at = created_at - interval '3 days',
             wake_at = wake_at - interval '3 days'",
    )
    .await;
    let _worker = world.worker();
    assert_upgraded(&world, &world.finished(execution_id).await);
    world.close().await;
}
