//! Postgres gone between a command and its record; RabbitMQ gone between a record and its
//! publish; both: what is at hand waits, nothing is lost and nothing done twice.

use services::{Flow, Proxy};
use simulator::Fleet;
use tests::{Trap, World};
use worker::points::Point;

use crate::checks::{NORMAL, REPLACEMENT, assert_upgraded, effects, normal, replaced};
use crate::support::{Lock, logged};

use schemas::State;

/// The time without servers is taken from the state's.
const PATIENT: &str = "timing.upgrade_deadline = '2m'\ntiming.installation_deadline = '2m'\n\
                       timing.redeploy_deadline = '2m'";

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

/// The worker comes to `point` in `state`; there its servers go. Once it has noticed and `waits`,
/// they return, and it goes on; or it dies before they do, and another one goes on.
struct Case {
    state: State,
    point: Point,
    gone: Gone,
    waits: &'static str,
    dies: bool,
}

impl Case {
    /// Between a command of this state and what is recorded of it.
    fn after_the_command_of(state: State, gone: Gone) -> Self {
        Self {
            state,
            point: Point::Commanded,
            gone,
            waits: "not possible now, trying again what=\"write a wait\"",
            dies: false,
        }
    }

    /// Between the record of this state and the publish that follows.
    fn after_the_record_of(state: State, gone: Gone) -> Self {
        let what = match gone {
            Gone::RabbitMq => "not possible now, trying again what=\"publish\"",
            Gone::Postgres | Gone::Both => {
                "not possible now, trying again what=\"read a transition\""
            }
        };
        Self {
            point: Point::Recorded,
            waits: what,
            ..Self::after_the_command_of(state, gone)
        }
    }

    fn and_the_worker_dies(self) -> Self {
        Self { dies: true, ..self }
    }

    async fn goes_on(self) {
        let (fleet, path, expected) = match self.state {
            State::TpvmInstallation => (replaced(), &REPLACEMENT[..], [0, 1, 0, 1]),
            _ => (normal(), &NORMAL[..], [1, 0, 0, 1]),
        };
        let outage = Outage::new(fleet).await;
        let world = &outage.world;
        let trap = Trap::stall(self.point).in_state(self.state);
        let worker = world.worker_at_with(trap, PATIENT);
        let id = world.accepted(&world.request(0)).await;
        worker.stalled().await;
        outage.begin(self.gone).await;
        worker.signal("CONT").await;
        logged(world, self.waits).await;
        let _worker = if self.dies {
            worker.kill().await;
            outage.end();
            world.worker_with(PATIENT)
        } else {
            outage.end();
            worker
        };
        let execution = world.finished(id).await;
        assert_upgraded(world, &execution);
        assert_eq!(effects(world), expected);
        assert_eq!(world.path(id).await, path);
        outage.world.close().await;
    }
}

#[tokio::test]
async fn postgres_between_the_upgrade_and_its_record() {
    let case = Case::after_the_command_of(State::TpvmUpgrade, Gone::Postgres);
    case.goes_on().await;
}

#[tokio::test]
async fn postgres_between_the_deploy_and_its_record() {
    let case = Case::after_the_command_of(State::TpvmInstallation, Gone::Postgres);
    case.goes_on().await;
}

#[tokio::test]
async fn postgres_between_the_redeploy_and_its_record() {
    let case = Case::after_the_command_of(State::EfaDeployPeerAndRejoin, Gone::Postgres);
    case.goes_on().await;
}

#[tokio::test]
async fn rabbitmq_between_a_record_and_its_publish() {
    let case = Case::after_the_record_of(State::TpvmConfigValidation, Gone::RabbitMq);
    case.goes_on().await;
}

#[tokio::test]
async fn both_between_the_upgrade_and_its_record() {
    let case = Case::after_the_command_of(State::TpvmUpgrade, Gone::Both);
    case.goes_on().await;
}

#[tokio::test]
async fn both_between_a_record_and_its_publish() {
    let case = Case::after_the_record_of(State::TpvmUpgrade, Gone::Both);
    case.goes_on().await;
}

#[tokio::test]
async fn postgres_and_then_the_worker_after_the_upgrade() {
    let case = Case::after_the_command_of(State::TpvmUpgrade, Gone::Postgres);
    case.and_the_worker_dies().goes_on().await;
}

#[tokio::test]
async fn both_and_then_the_worker_after_a_record() {
    let case = Case::after_the_record_of(State::DeviceValidation, Gone::Both);
    case.and_the_worker_dies().goes_on().await;
}

/// The statement that claims the step takes effect, and its answer is lost: the worker takes over
/// what it was granted unheard, and does not wait for that claim to end.
#[tokio::test]
async fn postgres_with_the_answer_to_a_claim() {
    let outage = Outage::new(normal()).await;
    let world = &outage.world;
    let state = State::TpvmUpgrade;
    let trap = Trap::stall(Point::Received).in_state(state);
    // The claim lasts longer than anything that is waited for here.
    let worker = world.worker_at_with(trap, "worker.claim = '10m'");
    let id = world.accepted(&world.request(0)).await;
    worker.stalled().await;
    let lock = Lock::on_all_steps(world).await;
    worker.signal("CONT").await;
    lock.is_waited_for(world).await;
    outage.postgres.answers(Flow::Stalled);
    lock.release().await;
    world.held_in(id, state).await;
    outage.begin(Gone::Postgres).await;
    outage.postgres.answers(Flow::Open);
    logged(
        world,
        "not possible now, trying again what=\"claim a step\"",
    )
    .await;
    outage.end();
    let execution = world.finished(id).await;
    assert_upgraded(world, &execution);
    assert_eq!(effects(world), [1, 0, 0, 1]);
    assert_eq!(world.path(id).await, NORMAL);
    outage.world.close().await;
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
