//! Postgres gone between a command and its record; RabbitMQ gone between a record and its
//! publish; both: what is at hand waits, nothing is lost and nothing done twice.

use services::Proxy;
use simulator::Fleet;
use tests::{Trap, World};
use worker::points::Point;

use crate::checks::{NORMAL, REPLACEMENT, assert_upgraded, effects, normal, replaced};
use crate::support::logged;

use schemas::State;

/// A world whose workers reach their servers by ways that can be cut.
struct Outage {
    world: World,
    postgres: Proxy,
    rabbitmq: Proxy,
}

#[derive(Clone, Copy, PartialEq)]
enum Gone {
    Postgres,
    RabbitMq,
    Both,
}

impl Outage {
    async fn new(fleet: Fleet) -> Self {
        let mut world = World::new(fleet).await;
        let (database, amqp) = (world.database_url().to_owned(), world.broker.url.clone());
        let postgres = Proxy::before(&database).unwrap();
        let rabbitmq = Proxy::before(&amqp).unwrap();
        world.set_env("DATABASE_URL", postgres.through(&database));
        world.set_env("AMQP_URL", rabbitmq.through(&amqp));
        Self {
            world,
            postgres,
            rabbitmq,
        }
    }

    async fn begin(&self, gone: Gone) {
        if gone != Gone::RabbitMq {
            self.postgres.refuse().await;
            self.postgres.cut().await;
        }
        if gone != Gone::Postgres {
            self.rabbitmq.refuse().await;
            self.rabbitmq.cut().await;
        }
    }

    fn end(&self) {
        self.postgres.admit().unwrap();
        self.rabbitmq.admit().unwrap();
    }
}

/// The worker comes to `point` in `state`; there its servers go; it goes on, and they return.
async fn goes_on(fleet: Fleet, point: Point, state: State, gone: Gone, waits: &str) {
    let (path, expected) = match state {
        State::TpvmInstallation => (&REPLACEMENT[..], [0, 1, 0, 1]),
        _ => (&NORMAL[..], [1, 0, 0, 1]),
    };
    let outage = Outage::new(fleet).await;
    let world = &outage.world;
    let worker = world.worker_at(Trap::stall(point).in_state(state));
    let id = world.accepted(&world.request(0)).await;
    worker.stalled().await;
    outage.begin(gone).await;
    worker.signal("CONT").await;
    logged(world, waits).await;
    outage.end();
    let execution = world.finished(id).await;
    assert_upgraded(world, &execution);
    assert_eq!(effects(world), expected);
    assert_eq!(world.path(id).await, path);
    outage.world.close().await;
}

/// The same, and the worker dies before its servers return.
async fn another_goes_on(point: Point, state: State, gone: Gone, waits: &str) {
    let outage = Outage::new(normal()).await;
    let world = &outage.world;
    let worker = world.worker_at(Trap::stall(point).in_state(state));
    let id = world.accepted(&world.request(0)).await;
    worker.stalled().await;
    outage.begin(gone).await;
    worker.signal("CONT").await;
    logged(world, waits).await;
    worker.kill().await;
    outage.end();
    let _next = world.worker();
    let execution = world.finished(id).await;
    assert_upgraded(world, &execution);
    assert_eq!(effects(world), [1, 0, 0, 1]);
    assert_eq!(world.path(id).await, NORMAL);
    outage.world.close().await;
}

const NO_POSTGRES: &str = "not possible now, trying again what=\"write a wait\"";
const NO_RABBITMQ: &str = "not possible now, trying again what=\"publish\"";

#[tokio::test]
async fn postgres_between_the_upgrade_and_its_record() {
    let state = State::TpvmUpgrade;
    goes_on(
        normal(),
        Point::Commanded,
        state,
        Gone::Postgres,
        NO_POSTGRES,
    )
    .await;
}

#[tokio::test]
async fn postgres_between_the_deploy_and_its_record() {
    let state = State::TpvmInstallation;
    goes_on(
        replaced(),
        Point::Commanded,
        state,
        Gone::Postgres,
        NO_POSTGRES,
    )
    .await;
}

#[tokio::test]
async fn postgres_between_the_redeploy_and_its_record() {
    let state = State::EfaDeployPeerAndRejoin;
    goes_on(
        normal(),
        Point::Commanded,
        state,
        Gone::Postgres,
        NO_POSTGRES,
    )
    .await;
}

#[tokio::test]
async fn rabbitmq_between_a_record_and_its_publish() {
    let state = State::TpvmConfigValidation;
    goes_on(
        normal(),
        Point::Recorded,
        state,
        Gone::RabbitMq,
        NO_RABBITMQ,
    )
    .await;
}

#[tokio::test]
async fn both_between_the_upgrade_and_its_record() {
    let state = State::TpvmUpgrade;
    goes_on(normal(), Point::Commanded, state, Gone::Both, NO_POSTGRES).await;
}

#[tokio::test]
async fn both_between_a_record_and_its_publish() {
    let state = State::TpvmUpgrade;
    goes_on(
        normal(),
        Point::Recorded,
        state,
        Gone::Both,
        "read a transition",
    )
    .await;
}

#[tokio::test]
async fn postgres_and_then_the_worker_after_the_upgrade() {
    another_goes_on(
        Point::Commanded,
        State::TpvmUpgrade,
        Gone::Postgres,
        NO_POSTGRES,
    )
    .await;
}

#[tokio::test]
async fn both_and_then_the_worker_after_a_record() {
    another_goes_on(
        Point::Recorded,
        State::DeviceValidation,
        Gone::Both,
        "read a transition",
    )
    .await;
}

/// The statement that records the move takes effect, and its answer is lost: the move is made
/// once, and announced.
#[tokio::test]
async fn postgres_with_the_answer_to_a_record() {
    let outage = Outage::new(normal()).await;
    let world = &outage.world;
    let state = State::TpvmUpgrade;
    let worker = world.worker_at(Trap::stall(Point::Claimed).in_state(state));
    let id = world.accepted(&world.request(0)).await;
    worker.stalled().await;
    // Whatever it asks next: the reads, the note of the intent, the wait, the renewal.
    outage.postgres.lose_answers(4);
    worker.signal("CONT").await;
    let execution = world.finished(id).await;
    assert_upgraded(world, &execution);
    assert_eq!(effects(world), [1, 0, 0, 1]);
    assert_eq!(world.path(id).await, NORMAL);
    outage.world.close().await;
}
