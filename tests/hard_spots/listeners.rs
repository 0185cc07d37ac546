//! Listeners whose queues refuse events, or never confirm one: no upgrade waits for them, other
//! listeners get every event, and so do they once they take messages again.

use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use schemas::{Event, State, decode};
use services::{RabbitMq, scratch_dir};
use tests::{Wire, World, patience, until, until_within};
use uuid::Uuid;

use crate::support::{accept_all, all_upgraded, fleet, value};

/// How long two upgrades may take that nobody holds up.
const BOUND: Duration = Duration::from_secs(60);

/// A queue of a listener's own, bound to all events.
struct Listener<'a> {
    wire: &'a Wire,
    queue: String,
    heard: Vec<Event>,
}

impl<'a> Listener<'a> {
    async fn bind(world: &World, wire: &'a Wire, name: &str, arguments: FieldTable) -> Self {
        let queue = format!("{}.{name}", world.names.events_exchange());
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let channel = &wire.channel;
        channel
            .queue_declare(queue.as_str().into(), options, arguments)
            .await
            .unwrap();
        channel
            .queue_bind(
                queue.as_str().into(),
                world.names.events_exchange().into(),
                "event.#".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
        Self {
            wire,
            queue,
            heard: Vec::new(),
        }
    }

    /// Takes everything that is there.
    async fn hear(&mut self) {
        let get = BasicGetOptions { no_ack: true };
        while let Some(message) = self
            .wire
            .channel
            .basic_get(self.queue.as_str().into(), get)
            .await
            .unwrap()
        {
            self.heard.push(decode(&message.data).unwrap());
        }
    }

    /// The numbers of an execution's events, each where it was first heard.
    fn of(&self, id: Uuid) -> Vec<i32> {
        let mut numbers = Vec::new();
        for event in self.heard.iter().filter(|event| event.execution_id == id) {
            if !numbers.contains(&event.seq) {
                numbers.push(event.seq);
            }
        }
        numbers
    }

    /// Waits until it has heard all there is of these executions, in order.
    async fn hears_all(&mut self, world: &World, ids: &[Uuid]) {
        self.hears(world, ids, true).await;
    }

    /// As [`Listener::hears_all`], in whatever order: it has refused some for long.
    async fn hears_each(&mut self, world: &World, ids: &[Uuid]) {
        self.hears(world, ids, false).await;
    }

    async fn hears(&mut self, world: &World, ids: &[Uuid], in_order: bool) {
        let mut all = BTreeMap::new();
        for id in ids {
            let last = world.ledger.execution(*id).await.unwrap().unwrap().seq;
            all.insert(*id, (1..=last).collect::<Vec<_>>());
        }
        let deadline = tokio::time::Instant::now() + patience();
        loop {
            self.hear().await;
            let mut heard: BTreeMap<_, _> = ids.iter().map(|id| (*id, self.of(*id))).collect();
            if !in_order {
                heard
                    .values_mut()
                    .for_each(|numbers| numbers.sort_unstable());
            }
            if heard == all {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{}: {heard:?}, not {all:?}\n{}",
                self.queue,
                world.logs()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A queue that takes one message and then refuses.
fn full() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    let overflow = AMQPValue::LongString("reject-publish".into());
    arguments.insert("x-overflow".into(), overflow);
    arguments
}

/// Until the ledger says that all has been told.
async fn nothing_left_to_tell(world: &World) {
    let left = "SELECT count(*) FROM executions
                WHERE event_backlog_from IS NOT NULL OR end_announced_at IS NULL";
    until_within(patience(), "an empty backlog", || async {
        (value::<i64>(world, left).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn when_a_listener_refuses_events_then_no_upgrade_waits_and_it_gets_all_later() {
    const COUNT: usize = 3;
    let world = World::new(fleet(COUNT)).await;
    let wire = Wire::open(&world).await;
    let mut refusing = Listener::bind(&world, &wire, "refusing", full()).await;
    let mut healthy = Listener::bind(&world, &wire, "healthy", FieldTable::default()).await;
    let _workers = [world.worker(), world.worker()];
    let ids = accept_all(&world, COUNT).await;
    all_upgraded(&world, &ids).await;
    // Whoever refuses nothing has heard of every end while the other still refuses.
    healthy.hears_all(&world, &ids).await;
    assert_eq!(wire.ready(&refusing.queue).await, 1);
    let untold = "SELECT count(*) FROM executions WHERE event_backlog_from IS NOT NULL";
    assert!(value::<i64>(&world, untold).await > 0);

    // It takes messages again.
    refusing.hears_each(&world, &ids).await;
    nothing_left_to_tell(&world).await;
    world.close().await;
}

/// A process of the broker's that hangs, as the leader of a queue does that is cut off.
#[tokio::test]
async fn when_a_listener_never_confirms_then_no_upgrade_waits() {
    let scratch = scratch_dir().unwrap();
    let rabbitmq = RabbitMq::start(scratch.path()).await.unwrap();
    let world = World::on(&rabbitmq.url(), fleet(2)).await;
    let wire = Wire::open(&world).await;
    let mut quorum = FieldTable::default();
    quorum.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let mut silent = Listener::bind(&world, &wire, "silent", quorum).await;
    let tell = |verb: &str| {
        let process = format!("whereis('%2F_{}')", silent.queue);
        format!("sys:{verb}({process}).")
    };
    let (suspend, resume) = (tell("suspend"), tell("resume"));
    rabbitmq.ctl(&["eval", &suspend]).await.unwrap();
    let _worker = world.worker();
    let began = tokio::time::Instant::now();
    let ids = accept_all(&world, 2).await;
    all_upgraded(&world, &ids).await;
    // Waiting for each confirm in vain would take longer.
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());

    rabbitmq.ctl(&["eval", &resume]).await.unwrap();
    silent.hears_all(&world, &ids).await;
    nothing_left_to_tell(&world).await;
    world.close().await;
    rabbitmq.stop().await.unwrap();
}

/// The marker is in the ledger, so any worker goes on where one died.
#[tokio::test]
async fn when_the_worker_dies_with_events_to_publish_then_another_publishes_them() {
    let world = World::new(fleet(1)).await;
    let wire = Wire::open(&world).await;
    let mut refusing = Listener::bind(&world, &wire, "refusing", full()).await;
    let first = world.worker();
    let ids = accept_all(&world, 1).await;
    all_upgraded(&world, &ids).await;
    first.kill().await;
    refusing.hear().await;
    assert!(refusing.of(ids[0]).len() < 2, "{:?}", refusing.heard);
    let _second = world.worker();
    refusing.hears_all(&world, &ids).await;
    nothing_left_to_tell(&world).await;
    world.close().await;
}

#[tokio::test]
async fn when_an_upgrade_has_a_backlog_then_its_steps_go_on_in_every_state() {
    let world = World::new(fleet(1)).await;
    let wire = Wire::open(&world).await;
    let _refusing = Listener::bind(&world, &wire, "refusing", full()).await;
    let _worker = world.worker();
    let ids = accept_all(&world, 1).await;
    until("the last state but one", || async {
        let execution = world.ledger.execution(ids[0]).await.unwrap().unwrap();
        (execution.state == State::EfaDeployPeerAndRejoin || execution.verdict.is_some())
            .then_some(())
    })
    .await;
    all_upgraded(&world, &ids).await;
    world.close().await;
}
