//! Looking at what was set aside: nothing is lost by it, changed or put out of order.

use std::time::Duration;

use broker::{BrokerError, BrokerOptions, DeadLetter, DeadLetters, NoWayBack};
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, ByteArray, FieldArray, FieldTable, LongString};
use schemas::names::{HEADER_REASON, HEADER_SOURCE_QUEUE};

use crate::support::{Bed, SOON, eventually, on_bare_bed, on_bed, queue, soon};

pub fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

/// Headers as a worker writes them, with some that the message had before.
pub fn set_aside(queue: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert("own".into(), text("kept"));
    headers.insert(HEADER_REASON.into(), text("it is no JSON"));
    headers.insert(HEADER_SOURCE_QUEUE.into(), text(queue));
    headers
}

/// Publishes to the dead letters as a worker does, each body once.
pub async fn publish(bed: &Bed, headers: FieldTable, bodies: impl IntoIterator<Item = Vec<u8>>) {
    let queue = bed.names().dead_letter_queue();
    let before = bed.ready(&queue).await;
    let channel = bed.channel().await;
    let mut count = 0;
    for body in bodies {
        let publish = channel.basic_publish(
            bed.names().dead_letter_exchange().into(),
            "".into(),
            BasicPublishOptions::default(),
            &body,
            BasicProperties::default()
                .with_headers(headers.clone())
                .with_delivery_mode(2),
        );
        publish.await.unwrap();
        count += 1;
    }
    eventually("all letters", async || {
        (bed.ready(&queue).await == before + count).then_some(())
    })
    .await;
}

pub fn numbered(numbers: std::ops::Range<u32>) -> impl Iterator<Item = Vec<u8>> {
    numbers.map(|n| n.to_string().into_bytes())
}

/// All letters that were not read yet.
pub async fn rest(letters: &mut DeadLetters) -> Vec<DeadLetter> {
    let mut seen = Vec::new();
    loop {
        match letters.next().await.unwrap() {
            batch if batch.is_empty() => return seen,
            batch => seen.extend(batch),
        }
    }
}

/// All letters.
pub async fn look(options: &BrokerOptions) -> Vec<DeadLetter> {
    let mut letters = DeadLetters::open(options, SOON).await.unwrap();
    let seen = rest(&mut letters).await;
    assert_eq!(letters.close().await.unwrap(), 0);
    seen
}

fn ids(letters: &[DeadLetter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.id.as_str()).collect()
}

fn bodies(letters: &[DeadLetter]) -> Vec<Vec<u8>> {
    letters.iter().map(|letter| letter.body.to_vec()).collect()
}

#[tokio::test]
async fn an_empty_queue_has_no_letters() {
    on_bed(async |bed| {
        assert!(look(&bed.options).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_look_changes_neither_ids_nor_order() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..1000)).await;
        let first = look(&bed.options).await;
        assert_eq!(bodies(&first), numbered(0..1000).collect::<Vec<_>>());
        assert_eq!(bed.ready(&bed.names().dead_letter_queue()).await, 1000);
        publish(bed, set_aside(&queue(bed)), numbered(1000..1100)).await;
        for _ in 0..2 {
            let again = look(&bed.options).await;
            assert_eq!(bodies(&again), numbered(0..1100).collect::<Vec<_>>());
            assert_eq!(ids(&again)[..1000], ids(&first));
        }
    })
    .await;
}

/// RabbitMQ sets a work queue's message aside at its twentieth return.
#[tokio::test]
async fn no_number_of_looks_is_too_many() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..3)).await;
        for _ in 0..30 {
            assert_eq!(look(&bed.options).await.len(), 3);
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_dies_while_looking_loses_nothing() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..600)).await;
        for _ in 0..3 {
            let mut letters = DeadLetters::open(&bed.options, SOON).await.unwrap();
            for _ in 0..2 {
                assert!(!letters.next().await.unwrap().is_empty());
            }
            drop(letters);
            let mut seen = bodies(&look(&bed.options).await);
            seen.sort_unstable();
            let mut expected: Vec<_> = numbered(0..600).collect();
            expected.sort_unstable();
            assert_eq!(seen, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn the_second_to_look_waits_and_then_sees_all() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..300)).await;
        let mut first = DeadLetters::open(&bed.options, SOON).await.unwrap();
        assert_eq!(first.next().await.unwrap().len(), 257);
        let wait = Duration::from_millis(300);
        let refused = DeadLetters::open(&bed.options, wait).await.err().unwrap();
        assert!(
            matches!(refused, BrokerError::InUse { after } if after == wait),
            "{refused:?}"
        );
        let (seen, closed) = tokio::join!(look(&bed.options), first.close());
        closed.unwrap();
        assert_eq!(bodies(&seen), numbered(0..300).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_others_consume_is_told() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..2)).await;
        let channel = bed.channel().await;
        let qos = lapin::options::BasicQosOptions::default();
        channel.basic_qos(1, qos).await.unwrap();
        let consume = channel.basic_consume(
            bed.names().dead_letter_queue().into(),
            "other".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let _other = consume.await.unwrap();
        let mut letters = DeadLetters::open(&bed.options, SOON).await.unwrap();
        assert_eq!(bodies(&rest(&mut letters).await), [b"1".to_vec()]);
        assert_eq!(letters.close().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn without_a_topology_there_is_nothing_to_look_at() {
    on_bare_bed(async |bed| {
        let error = DeadLetters::open(&bed.options, SOON).await.err().unwrap();
        let queue = bed.names().dead_letter_queue();
        assert!(
            matches!(&error, BrokerError::Missing { name } if *name == queue),
            "{error:?}"
        );
        assert!(error.to_string().contains("start a worker"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn letters_that_are_alike_have_ids_of_their_own() {
    on_bed(async |bed| {
        let alike = || std::iter::repeat_n(b"same".to_vec(), 3);
        publish(bed, set_aside(&queue(bed)), alike()).await;
        let seen = look(&bed.options).await;
        let first = &seen[0].id;
        assert_eq!(
            ids(&seen),
            [first.clone(), format!("{first}-2"), format!("{first}-3")]
        );
        assert_eq!(ids(&look(&bed.options).await), ids(&seen));
    })
    .await;
}

#[tokio::test]
async fn garbage_of_every_kind_is_shown() {
    on_bed(async |bed| {
        let mut headers = FieldTable::default();
        let bytes = LongString::from(b"\xff\x00\x1b[2J".to_vec());
        headers.insert("x-reason".into(), AMQPValue::Void);
        headers.insert("x-death".into(), AMQPValue::LongString(bytes.clone()));
        headers.insert("x-source-queue".into(), AMQPValue::LongString(bytes));
        headers.insert(
            "bytes".into(),
            AMQPValue::ByteArray(ByteArray::from(vec![0xfe])),
        );
        headers.insert("pi".into(), AMQPValue::Double(3.25));
        let mut nested = AMQPValue::Boolean(true);
        for _ in 0..50 {
            nested = AMQPValue::FieldArray(FieldArray::from(vec![nested]));
        }
        headers.insert("nested".into(), nested);
        let bodies = [
            b"".to_vec(),
            vec![0xff; 300_000],
            "[".repeat(100_000).into_bytes(),
            b"\x1b]0;owned\x07".to_vec(),
        ];
        publish(bed, headers, bodies.clone()).await;
        let seen = look(&bed.options).await;
        assert_eq!(self::bodies(&seen), bodies);
        for letter in &seen {
            assert!(letter.reason.contains("does not say why"), "{letter:?}");
            assert_eq!(letter.way_back(), Err(NoWayBack::Unknown));
            assert_eq!(letter.headers["pi"], 3.25);
        }
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_are_seen_in_their_order() {
    on_bed(async |bed| {
        publish(bed, set_aside(&queue(bed)), numbered(0..10_000)).await;
        let seen = soon("all letters", look(&bed.options)).await;
        assert_eq!(bodies(&seen), numbered(0..10_000).collect::<Vec<_>>());
        assert_eq!(ids(&look(&bed.options).await), ids(&seen));
    })
    .await;
}
