//! Putting back what was set aside: with clean counters, in order, and never lost.

use std::time::Duration;

use broker::{
    BrokerOptions, DeadLetter, DeadLetters, NoWayBack, PublishError, Publisher, RedriveError,
};
use lapin::message::BasicGetMessage;
use lapin::types::AMQPValue;
use schemas::State;
use services::Flow;

use crate::dead_letters::{look, numbered, publish, rest, set_aside};
use crate::support::{Bed, Consuming, SOON, eventually, on_bed, outgoing, proxy, queue, soon, via};

/// All letters, and the look at them that goes on.
async fn open(options: &BrokerOptions) -> (DeadLetters, Vec<DeadLetter>) {
    let mut letters = DeadLetters::open(options, SOON).await.unwrap();
    let seen = rest(&mut letters).await;
    (letters, seen)
}

fn number(letter: &DeadLetter) -> u32 {
    std::str::from_utf8(&letter.body).unwrap().parse().unwrap()
}

fn numbers(letters: &[DeadLetter]) -> Vec<u32> {
    letters.iter().map(number).collect()
}

/// Redrives some letters, all of which must succeed.
async fn redrive(bed: &Bed, some: impl Fn(&DeadLetter) -> bool) {
    let publisher = Publisher::start(bed.options.clone());
    let (mut letters, mut seen) = open(&bed.options).await;
    seen.retain(some);
    for result in letters.redrive(&publisher, &seen).await {
        result.unwrap();
    }
    letters.close().await.unwrap();
    publisher.close().await;
}

/// Has RabbitMQ itself set a step aside, at a delivery limit of 2, and gives back the options
/// with that.
async fn die_at_the_limit(bed: &Bed) -> BrokerOptions {
    let options = BrokerOptions {
        delivery_limit: 2,
        ..bed.options.clone()
    };
    bed.delete_queue(&bed.names().request_queue()).await;
    for state in State::ACTING {
        let queue = bed.names().state_queue(state).unwrap();
        bed.delete_queue(&queue).await;
    }
    broker::declare(&options).await.unwrap();
    let publisher = Publisher::start(bed.options.clone());
    publisher.publish(outgoing(bed, 1)).await.unwrap();
    publisher.close().await;
    let mut consuming = Consuming::start(bed, options.clone(), 1);
    for _ in 0..3 {
        consuming.next().await.requeue().await.unwrap();
    }
    consuming.stop().await;
    let dead = bed.names().dead_letter_queue();
    eventually("the dead letter", async || {
        (bed.ready(&dead).await == 1).then_some(())
    })
    .await;
    options
}

/// The names of the headers, without RabbitMQ's counts of deliveries, which must be at their start:
/// RabbitMQ 3 says 0, and 4 says nothing.
fn own_headers(message: &BasicGetMessage) -> Vec<String> {
    let headers = message.properties.headers().as_ref().unwrap().inner();
    let counts = ["x-delivery-count", "x-acquired-count"];
    for count in counts.map(|name| headers.get(name)) {
        assert!(
            matches!(count, None | Some(AMQPValue::LongLongInt(0))),
            "{headers:?}"
        );
    }
    let names = headers.keys().map(ToString::to_string);
    names
        .filter(|name| !counts.contains(&name.as_str()))
        .collect()
}

#[tokio::test]
async fn what_died_at_the_delivery_limit_says_so_and_starts_anew() {
    on_bed(async |bed| {
        die_at_the_limit(bed).await;
        let seen = look(&bed.options).await;
        let [letter] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert!(
            letter.reason.contains("as often as its queue allows"),
            "{letter:?}"
        );
        assert!(letter.remedy.contains("workers' logs"), "{letter:?}");
        assert_eq!(letter.way_back().unwrap(), queue(bed));
        assert_eq!(letter.deaths, 1);
        let age = chrono::Utc::now().timestamp() - letter.set_aside_at.unwrap() as i64;
        assert!((-1..120).contains(&age), "{age}");
        assert_eq!(letter.message_type.as_deref(), Some("step"));

        redrive(bed, |_| true).await;
        assert!(look(&bed.options).await.is_empty());
        let back = bed.take(&queue(bed)).await;
        assert_eq!(back.data, letter.body);
        assert_eq!(own_headers(&back), ["traceparent"]);
        assert!(!back.redelivered);
        assert_eq!(back.properties.delivery_mode(), &Some(2));
        assert_eq!(back.properties.kind().as_ref().unwrap().as_str(), "step");
        assert!(back.properties.message_id().is_some());
    })
    .await;
}

/// A redriven message may come back as often as a new one.
#[tokio::test]
async fn the_delivery_limit_counts_from_the_start() {
    on_bed(async |bed| {
        let options = die_at_the_limit(bed).await;
        redrive(bed, |_| true).await;
        let mut consuming = Consuming::start(bed, options, 1);
        for _ in 0..2 {
            consuming.next().await.requeue().await.unwrap();
        }
        consuming.next().await.ack().await.unwrap();
        consuming.stop().await;
        assert!(look(&bed.options).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_order_is_kept_in_both_queues() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..500)).await;
        redrive(bed, |letter| number(letter).is_multiple_of(2)).await;
        let left = numbers(&look(&bed.options).await);
        assert!(left.iter().copied().eq((1..500).step_by(2)), "{left:?}");
        let mut consuming = Consuming::start(bed, bed.options.clone(), 50);
        for expected in numbered(0..500).step_by(2) {
            let next = consuming.next().await;
            assert_eq!(next.body, expected);
            assert_eq!(next.header("own").as_deref(), Some("kept"));
            next.ack().await.unwrap();
        }
        consuming.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_letter_without_a_queue_of_ours_stays() {
    on_bed(async |bed| {
        let dead = bed.names().dead_letter_queue();
        let foreign = [dead.as_str(), "somewhere", ""];
        for queue in foreign {
            publish(bed, set_aside(queue), numbered(0..1)).await;
        }
        let publisher = Publisher::start(bed.options.clone());
        let (mut letters, seen) = open(&bed.options).await;
        let results = letters.redrive(&publisher, &seen).await;
        for (result, expected) in results.iter().zip(foreign) {
            let Err(RedriveError::NoWayBack(NoWayBack::Foreign { queue })) = result else {
                panic!("{result:?}");
            };
            assert_eq!(queue, expected);
        }
        letters.close().await.unwrap();
        publisher.close().await;
        assert_eq!(look(&bed.options).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_letter_whose_queue_was_deleted_stays() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..2)).await;
        bed.delete_queue(&queue(bed)).await;
        let publisher = Publisher::start(bed.options.clone());
        let (mut letters, seen) = open(&bed.options).await;
        for result in letters.redrive(&publisher, &seen).await {
            assert!(
                matches!(
                    result,
                    Err(RedriveError::Publish(PublishError::Unroutable { .. }))
                ),
                "{result:?}"
            );
        }
        letters.close().await.unwrap();
        publisher.close().await;
        assert_eq!(look(&bed.options).await.len(), 2);
        broker::declare(&bed.options).await.unwrap();
    })
    .await;
}

/// The message has reached its queue, its confirm has not reached us, and we die.
#[tokio::test]
async fn a_crash_between_publish_and_acknowledgement_doubles_and_loses_nothing() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..3)).await;
        let proxy = proxy();
        let publisher = Publisher::start(bed.options_via(via(&proxy)));
        // It is connected once this is confirmed.
        publisher.publish(outgoing(bed, 1)).await.unwrap();
        bed.take(&queue(bed)).await;
        proxy.answers(Flow::Stalled);
        let (mut letters, seen) = open(&bed.options).await;
        let mut redriving = Box::pin(letters.redrive(&publisher, &seen));
        let arrived = eventually("the messages", async || {
            (bed.ready(&queue(bed)).await == 3).then_some(())
        });
        tokio::select! {
            results = &mut redriving => panic!("confirmed: {results:?}"),
            () = arrived => {}
        }
        drop(redriving);
        drop(letters);
        proxy.cut().await;
        drop(publisher);

        assert_eq!(look(&bed.options).await.len(), 3);
        redrive(bed, |_| true).await;
        assert_eq!(bed.ready(&queue(bed)).await, 6);
    })
    .await;
}

#[tokio::test]
async fn what_is_removed_is_gone_and_the_rest_is_not() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..100)).await;
        let (mut letters, seen) = open(&bed.options).await;
        for letter in &seen[10..40] {
            letters.remove(letter).await.unwrap();
        }
        soon("the end", letters.close()).await.unwrap();
        let left = numbers(&look(&bed.options).await);
        assert!(left.iter().copied().eq((0..10).chain(40..100)), "{left:?}");
    })
    .await;
}

/// Removing makes room for more letters on the way, none of which may be missed.
#[tokio::test]
async fn all_are_seen_while_some_are_removed() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..2000)).await;
        let mut letters = DeadLetters::open(&bed.options, SOON).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let batch = letters.next().await.unwrap();
            for letter in batch.iter().filter(|letter| number(letter) % 10 != 7) {
                letters.remove(letter).await.unwrap();
            }
            seen.extend(numbers(&batch));
            if batch.is_empty() {
                break;
            }
        }
        assert!(seen.iter().copied().eq(0..2000), "{seen:?}");
        soon("the end", letters.close()).await.unwrap();
        let left = numbers(&look(&bed.options).await);
        assert!(left.iter().copied().eq((7..2000).step_by(10)), "{left:?}");
    })
    .await;
}

/// A broker that falls silent is an error in bounded time, and loses nothing.
#[tokio::test]
async fn a_silent_broker_is_not_waited_for_for_ever() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..600)).await;
        let proxy = proxy();
        let hasty = BrokerOptions {
            connect_timeout: Duration::from_secs(3),
            ..bed.options_via(via(&proxy))
        };
        let mut letters = DeadLetters::open(&hasty, SOON).await.unwrap();
        assert!(!letters.next().await.unwrap().is_empty());
        proxy.answers(Flow::Stalled);
        let error = soon("an error", async {
            loop {
                if let Err(error) = letters.next().await {
                    return error;
                }
            }
        })
        .await;
        assert!(error.is_transient(), "{error:?}");
        drop(letters);
        proxy.cut().await;
        assert_eq!(look(&bed.options).await.len(), 600);
    })
    .await;
}

/// Counters that somebody wrote into a message are none of ours.
#[tokio::test]
async fn forged_accounts_do_not_travel_on() {
    on_bed(async |bed| {
        let mut headers = set_aside(&queue(bed));
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(19));
        headers.insert("x-first-death-queue".into(), AMQPValue::Void);
        publish(bed, headers, numbered(0..1)).await;
        redrive(bed, |_| true).await;
        let back = bed.take(&queue(bed)).await;
        assert_eq!(own_headers(&back), ["own"]);
    })
    .await;
}
