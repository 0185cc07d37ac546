//! The tests' own tool: a worker that dies, or stands still, at a named point.

use schemas::State;
use tests::{Trap, World};
use worker::points::Point;

use crate::checks::{assert_upgraded, normal};

#[tokio::test]
async fn a_worker_dies_at_the_nth_passing_of_a_point() {
    let world = World::new(normal()).await;
    let trap = Trap::crash(Point::Recorded).nth(2);
    let victim = world.worker_at(trap);
    let id = world.accepted(&world.request(0)).await;
    victim.killed("at the second record").await;
    let execution = world.ledger.execution(id).await.unwrap().unwrap();
    assert_eq!(execution.state, State::TpvmUpgrade, "two records further");
    let _next = world.worker();
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}

/// It stands still with the claim, which runs out; what it does when it wakes up is fenced off.
#[tokio::test]
async fn a_worker_that_stood_still_writes_nothing() {
    let world = World::new(normal()).await;
    let trap = Trap::stall(Point::Claimed).in_state(State::TpvmUpgrade);
    let sleeper = world.worker_at(trap);
    let id = world.accepted(&world.request(0)).await;
    sleeper.stalled().await;
    let _other = world.worker();
    let execution = world.finished(id).await;
    assert_upgraded(&world, &execution);
    let (history, device) = (world.history(id).await, world.standby(0).state());
    sleeper.signal("CONT").await;
    tests::until("the sleeper to be through with its step", || async {
        let passed = sleeper.passed(Point::Settling, State::TpvmUpgrade, id);
        (passed > 0).then_some(())
    })
    .await;
    assert_eq!(world.history(id).await, history);
    assert_eq!(world.standby(0).state(), device);
    world.close().await;
}
