//! Requesters whose reply queues refuse messages: their replies go to the events exchange or are
//! dropped, nobody else waits, and the same request asked again is answered.

use std::time::Duration;

use broker::{Inbox, Outgoing};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use schemas::{Answer, ReasonCode, Reply, TraceContext, decode};
use tests::{Wire, World, until};
use tokio::time::Instant;

use crate::support::{accept_all, all_upgraded, fleet, logged, sql};

/// How long a request and its upgrade may take that nobody holds up.
const BOUND: Duration = Duration::from_secs(60);

/// A reply queue that takes one message and then refuses.
async fn full(world: &World, wire: &Wire) -> String {
    let queue = format!("{}.full", world.names.commands_exchange());
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    let overflow = AMQPValue::LongString("reject-publish".into());
    arguments.insert("x-overflow".into(), overflow);
    // RabbitMQ 4 is about to have no queues that are neither durable nor exclusive.
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    wire.channel
        .queue_declare(queue.as_str().into(), exclusive, arguments)
        .await
        .unwrap();
    wire.publish("", &queue, b"in the way", Default::default())
        .await;
    queue
}

#[tokio::test]
async fn when_a_reply_queue_is_full_then_nobody_else_waits() {
    const REQUESTS: usize = 150;
    let world = World::new(fleet(2)).await;
    let wire = Wire::open(&world).await;
    let queue = full(&world, &wire).await;
    // As few places for steps as there can be.
    let few = "worker.concurrency = 2";
    let _workers = [world.worker_with(few), world.worker_with(few)];
    world.connected().await;
    let mut fallback = Inbox::open(&world.broker).await.unwrap();
    fallback.subscribe("reply").await.unwrap();
    let mut asked = Vec::new();
    for _ in 0..REQUESTS {
        let request = world.request(1);
        asked.push(request.request_id);
        let message = Outgoing::request(
            &world.names,
            &request,
            Some(queue.clone()),
            TraceContext::new_root(),
        );
        world.publisher.publish(message).await.unwrap();
    }
    let began = Instant::now();
    // Behind all of them in the queue of requests; its reply queue takes messages.
    let ids = accept_all(&world, 1).await;
    assert!(
        began.elapsed() < BOUND,
        "answered after {:?}",
        began.elapsed()
    );
    all_upgraded(&world, &ids).await;
    assert!(
        began.elapsed() < BOUND,
        "upgraded after {:?}",
        began.elapsed()
    );
    // The replies are where those without a queue go.
    while !asked.is_empty() {
        let reply = fallback.next(Duration::from_secs(60)).await.unwrap();
        let reply: Reply = decode(&reply.expect("a reply").body).unwrap();
        asked.retain(|id| Some(*id) != reply.request_id);
    }
    world.close().await;
}

#[tokio::test]
async fn when_nobody_takes_a_reply_then_it_is_dropped_and_the_repeated_request_is_answered() {
    let world = World::new(fleet(1)).await;
    let wire = Wire::open(&world).await;
    let queue = full(&world, &wire).await;
    wire.channel
        .queue_bind(
            queue.as_str().into(),
            world.names.events_exchange().into(),
            "reply".into(),
            Default::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let _worker = world.worker();
    let request = world.request(0);
    let message = Outgoing::request(
        &world.names,
        &request,
        Some(queue),
        TraceContext::new_root(),
    );
    world.publisher.publish(message).await.unwrap();
    logged(&world, "replies_dropped=1").await;
    let id = world.accepted(&request).await;
    all_upgraded(&world, &[id]).await;
    world.close().await;
}

#[tokio::test]
async fn when_the_ledger_refuses_a_request_for_good_then_it_is_answered_and_kept() {
    let world = World::new(fleet(1)).await;
    // As after a botched repair of the table.
    sql(
        &world,
        "ALTER TABLE executions ADD CONSTRAINT botched CHECK (NOT force)",
    )
    .await;
    let _worker = world.worker();
    let mut request = world.request(0);
    request.options.force = true;
    let answer = world.submit(&request).await;
    let Answer::Rejected { reasons } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(reasons[0].code, ReasonCode::Internal);
    let wire = Wire::open(&world).await;
    let dead = world.names.dead_letter_queue();
    until("the dead letter", || async {
        (wire.ready(&dead).await == 1).then_some(())
    })
    .await;

    // The cause removed, the letter put back is carried out.
    sql(&world, "ALTER TABLE executions DROP CONSTRAINT botched").await;
    let redriven = world.cli(&["dead-letters", "redrive", "--all"]).await;
    assert!(redriven.status.success(), "{redriven:?}");
    let id = world.accepted(&request).await;
    all_upgraded(&world, &[id]).await;
    world.close().await;
}
