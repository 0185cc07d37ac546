//! Publishing: what arrives, and each message's own result.

use std::collections::HashSet;

use broker::{Outgoing, PublishError, Publisher};
use chrono::Utc;
use futures_util::future::join_all;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use schemas::names::HEADER_TRACEPARENT;
use schemas::{Answer, Event, EventKind, Reply, State, Step, TraceContext, UpdateState, V1};
use uuid::Uuid;

use crate::support::{
    Bed, Consuming, eventually, on_bare_bed, on_bed, outgoing, queue, seq, soon, step,
};

fn reply() -> Reply {
    Reply {
        version: V1,
        request_id: None,
        answer: Answer::Rejected {
            reasons: Vec::new(),
        },
    }
}

fn event() -> Event {
    Event {
        version: V1,
        kind: EventKind::StateChanged,
        execution_id: Uuid::new_v4(),
        request_id: Uuid::new_v4(),
        seq: 1,
        ip_address: "192.0.2.1".parse().unwrap(),
        deployment: None,
        requested_by: "tester".parse().unwrap(),
        from_state: State::WorkflowStarted,
        state: State::DeviceValidation,
        update_state: UpdateState::InProgress,
        status: "Device Validation In-Progress".to_owned(),
        detailed_status: "None".to_owned(),
        failed_state: String::new(),
        upgrade_type: None,
        verdict: None,
        time: Utc::now(),
    }
}

fn to_nowhere(correlation_id: &str) -> Outgoing {
    let trace = TraceContext::new_root();
    Outgoing::reply(
        "no-such-queue",
        &reply(),
        Some(correlation_id.to_owned()),
        trace,
    )
}

#[tokio::test]
async fn a_published_message_arrives_with_everything() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let message = Outgoing {
            correlation_id: Some("correlated".to_owned()),
            reply_to: Some("answers".to_owned()),
            ..outgoing(bed, 3)
        };
        publisher.publish(message.clone()).await.unwrap();

        let raw = bed.take(&queue(bed)).await;
        assert_eq!(raw.properties.delivery_mode(), &Some(2));
        assert_eq!(
            raw.properties.content_type().as_ref().unwrap().as_str(),
            "application/json"
        );

        publisher.publish(message.clone()).await.unwrap();
        let mut consuming = Consuming::start(bed, bed.options.clone(), 10);
        let delivery = consuming.next().await;
        assert_eq!(delivery.queue, queue(bed));
        assert_eq!(delivery.body, message.body);
        assert_eq!(delivery.message_type.as_deref(), Some("step"));
        assert_eq!(delivery.message_id, Some(message.message_id));
        assert_eq!(delivery.correlation_id, message.correlation_id);
        assert_eq!(delivery.reply_to, message.reply_to);
        assert_eq!(delivery.trace, message.trace);
        assert_eq!(
            delivery.header(HEADER_TRACEPARENT),
            Some(message.trace.to_string())
        );
        assert!(!delivery.redelivered);
        delivery.ack().await.unwrap();
        consuming.stop().await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_acting_state_is_reached() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let trace = TraceContext::new_root();
        for state in State::ACTING {
            let sent = Step { state, ..step(1) };
            let message = Outgoing::step(bed.names(), &sent, trace);
            publisher.publish(message).await.unwrap();
            let taken = bed.take(&bed.names().state_queue(state).unwrap()).await;
            assert_eq!(schemas::decode::<Step>(&taken.data).unwrap(), sent);
        }
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_no_queue_takes_is_unroutable_unless_it_is_an_event() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let error = publisher.publish(to_nowhere("a")).await.unwrap_err();
        let expected = PublishError::Unroutable {
            exchange: String::new(),
            routing_key: "no-such-queue".to_owned(),
        };
        assert_eq!(error, expected);

        let end = Step {
            state: State::WorkflowFinished,
            ..step(9)
        };
        let trace = TraceContext::new_root();
        let error = publisher
            .publish(Outgoing::step(bed.names(), &end, trace))
            .await;
        assert!(
            matches!(error, Err(PublishError::Unroutable { .. })),
            "{error:?}"
        );

        let event = Outgoing::event(bed.names(), &event(), trace);
        publisher.publish(event).await.unwrap();
        let fallback = Outgoing::reply_fallback(bed.names(), &reply(), None, trace);
        publisher.publish(fallback).await.unwrap();
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn many_at_once_keep_their_own_results() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        for _ in 0..5 {
            let lost = |n: i32| n % 97 == 13;
            let all = (1..=600).map(|n| {
                let message = if lost(n) {
                    to_nowhere(&n.to_string())
                } else {
                    outgoing(bed, n)
                };
                publisher.publish(message)
            });
            for (n, result) in (1..).zip(join_all(all).await) {
                match result {
                    Ok(()) => assert!(!lost(n), "{n} went nowhere, yet succeeded"),
                    Err(PublishError::Unroutable { .. }) => assert!(lost(n), "{n}"),
                    Err(error) => panic!("{n}: {error}"),
                }
            }
        }
        // Nor are those that failed counted: what was confirmed is there, each once.
        let mut consuming = Consuming::start(bed, bed.options.clone(), 500);
        let mut ids = HashSet::new();
        for _ in 0..5 * (600 - 7) {
            let delivery = consuming.next().await;
            ids.insert(delivery.message_id.clone().unwrap());
            delivery.ack().await.unwrap();
        }
        assert_eq!(ids.len(), 5 * (600 - 7));
        consuming.stop().await;
        publisher.close().await;
    })
    .await;
}

/// A queue beside the topology that takes one message and refuses the next.
async fn full_queue(bed: &Bed) -> String {
    let name = format!("{}.full", bed.names().commands_exchange());
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    let policy = LongString::from("reject-publish");
    arguments.insert("x-overflow".into(), AMQPValue::LongString(policy));
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    let channel = bed.channel().await;
    let declare = channel.queue_declare(name.as_str().into(), exclusive, arguments);
    declare.await.unwrap();
    name
}

#[tokio::test]
async fn a_full_queue_refuses_and_its_neighbours_do_not_suffer() {
    on_bed(async |bed| {
        let full = full_queue(bed).await;
        let publisher = Publisher::start(bed.options.clone());
        let to_full = || Outgoing::reply(&full, &reply(), None, TraceContext::new_root());
        publisher.publish(to_full()).await.unwrap();
        let (one, two, three) = tokio::join!(
            publisher.publish(outgoing(bed, 1)),
            publisher.publish(to_full()),
            publisher.publish(outgoing(bed, 2)),
        );
        assert_eq!(
            (one, two, three),
            (Ok(()), Err(PublishError::Refused), Ok(()))
        );
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_missing_exchange_fails_soon_and_does_not_end_the_publisher() {
    on_bare_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let error = publisher.publish(outgoing(bed, 1)).await.unwrap_err();
        assert!(
            matches!(&error, PublishError::Disconnected(reason) if reason.contains("NOT_FOUND")),
            "{error:?}"
        );
        broker::declare(&bed.options).await.unwrap();
        publisher.publish(outgoing(bed, 2)).await.unwrap();
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_too_long_is_refused() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let trace = TraceContext::new_root();
        let message = Outgoing::reply(&"q".repeat(256), &reply(), None, trace);
        let error = publisher.publish(message).await.unwrap_err();
        assert!(
            matches!(error, PublishError::NameTooLong { .. }),
            "{error:?}"
        );
        assert!(!error.is_transient());
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn closing_publishes_what_was_asked_for_and_nothing_after() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        publisher.publish(outgoing(bed, 1)).await.unwrap();
        let other = publisher.clone();
        let asked = tokio::spawn({
            let messages: Vec<_> = (2..=51).map(|n| outgoing(bed, n)).collect();
            let publisher = publisher.clone();
            async move { join_all(messages.into_iter().map(|m| publisher.publish(m))).await }
        });
        let closed = async {
            // All fifty are asked for once the first of them is there.
            eventually("the first", async || {
                (bed.ready(&queue(bed)).await > 1).then_some(())
            })
            .await;
            publisher.close().await;
        };
        let (asked, ()) = soon("the end", async { tokio::join!(asked, closed) }).await;
        assert_eq!(asked.unwrap(), vec![Ok(()); 50]);
        assert_eq!(
            other.publish(outgoing(bed, 52)).await,
            Err(PublishError::Closed)
        );
        assert_eq!(bed.ready(&queue(bed)).await, 51);

        let mut consuming = Consuming::start(bed, bed.options.clone(), 100);
        for n in 1..=51 {
            let delivery = consuming.next().await;
            assert_eq!(
                seq(&delivery),
                n,
                "in the order in which they were asked for"
            );
            delivery.ack().await.unwrap();
        }
        consuming.stop().await;
    })
    .await;
}
