//! Queues and exchanges deleted under us, and the consumers that the broker cancels with them:
//! what is missing is declared again by whoever notices, and the ledger brings the steps back.

use schemas::{Names, State};
use simulator::{Fault, FaultKind};
use std::time::Duration;
use tests::{Process, Wire, World};
use uuid::Uuid;

use crate::checks::{assert_upgraded, normal};
use crate::support::{accept_all, all_upgraded, fleet, logged};

#[tokio::test]
async fn every_queue_of_a_state() {
    const COUNT: usize = 4;
    let world = World::new(fleet(COUNT)).await;
    let _workers = [world.worker(), world.worker()];
    let ids = accept_all(&world, COUNT).await;
    let wire = Wire::open(&world).await;
    for state in State::ACTING {
        let queue = world.names.state_queue(state).unwrap();
        wire.delete_queue(&queue).await;
    }
    logged(&world, "the broker stopped delivering from").await;
    all_upgraded(&world, &ids).await;
    world.close().await;
}

#[tokio::test]
async fn the_queue_of_requests() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let wire = Wire::open(&world).await;
    // It is there again before anyone else could have declared it.
    world.connected().await;
    let queue = world.names.request_queue();
    wire.consumed(&queue).await;
    wire.delete_queue(&queue).await;
    logged(&world, "the broker stopped delivering from").await;
    let id = tests::until("the queue to be there again", || async {
        let message = broker::Outgoing::request(
            &world.names,
            &world.request(0),
            None,
            schemas::TraceContext::new_root(),
        );
        let published = world.publisher.publish(message).await;
        published.is_ok().then_some(())
    });
    id.await;
    let executions = tests::until("an execution", || async {
        let found = world.ledger.executions(&Default::default()).await.unwrap();
        (!found.is_empty()).then_some(found)
    });
    let id = executions.await[0].as_ref().unwrap().id;
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}

/// A worker that holds an upgrade's first step for a while, and has published nothing of it.
async fn held_at_the_first_step() -> (World, Process, Uuid) {
    let world = World::new(normal()).await;
    let hold = FaultKind::Slow(Duration::from_secs(1));
    world.fault(0, Fault::new("show-version", hold).once());
    let worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, State::DeviceValidation).await;
    (world, worker, id)
}

/// Publishing to an exchange that is not there costs the publisher its connection, and the
/// consumers, which could declare it again, notice nothing.
#[tokio::test]
async fn each_exchange() {
    for exchange in [
        Names::commands_exchange as fn(&Names) -> String,
        Names::events_exchange,
        Names::dead_letter_exchange,
    ] {
        let (world, _worker, id) = held_at_the_first_step().await;
        let wire = Wire::open(&world).await;
        let name = exchange(&world.names);
        wire.delete_exchange(&name).await;
        if name == world.names.dead_letter_exchange() {
            let queue = world.names.state_queue(State::TpvmUpgrade).unwrap();
            wire.publish("", &queue, b"not a step", Default::default())
                .await;
        }
        assert_upgraded(&world, &world.finished(id).await);
        if name == world.names.dead_letter_exchange() {
            tests::until("the dead letter", || async {
                let queue = world.names.dead_letter_queue();
                (wire.ready(&queue).await == 1).then_some(())
            })
            .await;
        }
        world.close().await;
    }
}

/// The queue is there and its consumer content, and nothing leads to it any more.
#[tokio::test]
async fn a_binding() {
    let (world, _worker, id) = held_at_the_first_step().await;
    let wire = Wire::open(&world).await;
    for state in State::ACTING {
        let queue = world.names.state_queue(state).unwrap();
        let key = Names::state_key(state).unwrap();
        let exchange = world.names.commands_exchange();
        wire.unbind(&queue, &exchange, &key).await;
    }
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}
