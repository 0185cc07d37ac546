//! Consuming: what is acknowledged is gone, and nothing else is.

use std::collections::HashSet;
use std::time::Duration;

use broker::{BrokerOptions, Consumer, Outgoing, Publisher};
use lapin::types::AMQPValue;
use schemas::{State, Step, TraceContext};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::{Bed, Consuming, eventually, on_bed, outgoing, queue, seq, soon, step};

async fn publish(bed: &Bed, numbers: impl IntoIterator<Item = i32>) {
    let publisher = Publisher::start(bed.options.clone());
    for n in numbers {
        publisher.publish(outgoing(bed, n)).await.unwrap();
    }
    publisher.close().await;
}

#[tokio::test]
async fn what_goes_back_comes_again_and_what_is_acknowledged_does_not() {
    on_bed(async |bed| {
        publish(bed, [1, 2, 3]).await;
        // One at a time, so that the order is the queue's.
        let mut consuming = Consuming::start(bed, bed.options.clone(), 1);
        consuming.next().await.ack().await.unwrap();
        let second = consuming.next().await;
        assert_eq!((seq(&second), second.redelivered), (2, false));
        second.requeue().await.unwrap();
        // Where it goes back to in the queue is the broker's choice.
        let mut seen = HashSet::new();
        for _ in 0..2 {
            let next = consuming.next().await;
            assert_eq!(next.redelivered, seq(&next) == 2);
            seen.insert(seq(&next));
            next.ack().await.unwrap();
        }
        assert_eq!(seen, HashSet::from([2, 3]));
        consuming.stop().await;
        assert_eq!(bed.ready(&queue(bed)).await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_dropped_goes_back_at_once() {
    on_bed(async |bed| {
        publish(bed, [1]).await;
        let mut consuming = Consuming::start(bed, bed.options.clone(), 1);
        drop(consuming.next().await);
        let again = consuming.next().await;
        assert!(again.redelivered);
        again.ack().await.unwrap();
        consuming.stop().await;
    })
    .await;
}

#[tokio::test]
async fn no_more_are_handed_out_than_the_prefetch() {
    on_bed(async |bed| {
        publish(bed, 1..=5).await;
        let mut consuming = Consuming::start(bed, bed.options.clone(), 3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(consuming.next().await);
        }
        let early = timeout(Duration::from_millis(200), consuming.deliveries.recv()).await;
        assert!(early.is_err(), "{early:?}");
        held.remove(0).ack().await.unwrap();
        assert_eq!(seq(&consuming.next().await), 4);
        consuming.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_that_keeps_coming_back_becomes_a_dead_letter() {
    on_bed(async |bed| {
        let options = BrokerOptions {
            delivery_limit: 2,
            ..bed.options.clone()
        };
        bed.delete_queue(&queue(bed)).await;
        bed.delete_queue(&bed.names().request_queue()).await;
        for state in State::ACTING {
            bed.delete_queue(&bed.names().state_queue(state).unwrap())
                .await;
        }
        broker::declare(&options).await.unwrap();
        publish(bed, [1]).await;
        let mut consuming = Consuming::start(bed, options, 1);
        let first = consuming.next().await;
        let body = first.body.clone();
        first.requeue().await.unwrap();
        for _ in 0..2 {
            consuming.next().await.requeue().await.unwrap();
        }
        let dead = bed.take(&bed.names().dead_letter_queue()).await;
        assert_eq!(dead.data, body);
        let headers = dead.properties.headers().as_ref().unwrap().inner();
        let AMQPValue::FieldArray(deaths) = &headers["x-death"] else {
            panic!("{headers:?}");
        };
        let AMQPValue::FieldTable(death) = &deaths.as_slice()[0] else {
            panic!("{deaths:?}");
        };
        let reason = AMQPValue::LongString("delivery_limit".into());
        assert_eq!(death.inner()["reason"], reason);
        consuming.stop().await;
    })
    .await;
}

#[tokio::test]
async fn stopping_ends_the_stream_and_what_was_handed_out_can_be_acknowledged() {
    on_bed(async |bed| {
        publish(bed, 1..=20).await;
        let mut consuming = Consuming::start(bed, bed.options.clone(), 10);
        let held = consuming.next().await;
        let Consuming {
            consumer,
            mut deliveries,
            stop,
        } = consuming;
        stop.cancel();
        soon("the end", consumer.finished()).await;
        // What had come as far as the channel is handed out still; then it ends.
        while let Some(delivery) = soon("the end", deliveries.recv()).await {
            drop(delivery);
        }
        held.ack().await.unwrap();
        eventually("all but one", async || {
            (bed.ready(&queue(bed)).await == 19).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn dropping_the_receiver_ends_the_consumer_and_nothing_is_lost() {
    on_bed(async |bed| {
        publish(bed, 1..=20).await;
        let mut consuming = Consuming::start(bed, bed.options.clone(), 10);
        drop(consuming.next().await);
        drop(consuming.deliveries);
        soon("the end", consuming.consumer.finished()).await;
        eventually("all of them", async || {
            (bed.ready(&queue(bed)).await == 20).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn one_receiver_serves_several_queues() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let stop = CancellationToken::new();
        let names = State::ACTING.map(|state| bed.names().state_queue(state).unwrap());
        let queues = names.iter().map(|name| (name.clone(), 1)).collect();
        let (consumer, mut deliveries) = Consumer::start(bed.options.clone(), queues, stop.clone());
        for state in State::ACTING {
            let step = Step { state, ..step(1) };
            let message = Outgoing::step(bed.names(), &step, TraceContext::new_root());
            publisher.publish(message).await.unwrap();
        }
        let mut seen = HashSet::new();
        for _ in State::ACTING {
            let delivery = soon("a delivery", deliveries.recv()).await.unwrap();
            seen.insert(delivery.queue.clone());
            delivery.ack().await.unwrap();
        }
        assert_eq!(seen, HashSet::from(names));
        stop.cancel();
        soon("the end", consumer.finished()).await;
        publisher.close().await;
    })
    .await;
}
