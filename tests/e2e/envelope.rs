//! What of a request counts: its body, once, and where its answer is to go; nothing else that a
//! client library may add.

use std::time::Duration;

use broker::Inbox;
use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::BasicConsumeOptions;
use lapin::types::{AMQPValue, FieldTable};
use schemas::{Answer, ReasonCode, Reply, decode, encode};
use tests::{Wire, World, until};

use crate::checks::{assert_upgraded, normal};

/// The queue by which RabbitMQ sends answers straight to whoever waits on a channel.
const DIRECT: &str = "amq.rabbitmq.reply-to";
const PATIENCE: Duration = Duration::from_secs(60);
/// For what must not come.
const QUIET: Duration = Duration::from_secs(2);

async fn publish(world: &World, wire: &Wire, body: &[u8], properties: BasicProperties) {
    let exchange = world.names.commands_exchange();
    wire.publish(&exchange, "request", body, properties).await;
}

/// The answer to what is published with these properties.
async fn answer(world: &World, wire: &Wire, body: &[u8], properties: BasicProperties) -> Reply {
    let mut inbox = Inbox::open(&world.broker).await.unwrap();
    let properties = properties.with_reply_to(inbox.queue().into());
    publish(world, wire, body, properties).await;
    let reply = inbox.next(PATIENCE).await.unwrap().expect("an answer");
    decode(&reply.body).unwrap()
}

#[tokio::test]
async fn when_the_answer_goes_straight_to_a_channel_then_it_comes_once_and_nowhere_else() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let mut elsewhere = Inbox::open(&world.broker).await.unwrap();
    elsewhere.subscribe("reply").await.unwrap();
    let wire = Wire::open(&world).await;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consume =
        wire.channel
            .basic_consume(DIRECT.into(), "".into(), options, FieldTable::default());
    let mut answers = consume.await.unwrap();
    let request = world.request(0);
    let good = encode(&request);
    // Accepted, the same once more, and one that can't be read.
    for (body, correlation_id) in [(&good[..], "first"), (&good, "second"), (b"{", "third")] {
        let properties = BasicProperties::default()
            .with_reply_to(DIRECT.into())
            .with_correlation_id(correlation_id.into());
        publish(&world, &wire, body, properties).await;
        let delivery = tokio::time::timeout(PATIENCE, answers.next()).await;
        let delivery = delivery.unwrap().unwrap().unwrap();
        let told = delivery.properties.correlation_id().as_ref().unwrap();
        assert_eq!(told.as_str(), correlation_id);
        let reply: Reply = decode(&delivery.data).unwrap();
        match reply.answer {
            Answer::Accepted { duplicate, .. } => {
                assert_eq!(reply.request_id, Some(request.request_id));
                assert_eq!(duplicate, correlation_id == "second");
            }
            Answer::Rejected { .. } => assert_eq!(correlation_id, "third"),
        }
    }
    let again = tokio::time::timeout(QUIET, answers.next()).await;
    assert!(again.is_err(), "answered twice: {again:?}");
    assert!(elsewhere.next(QUIET).await.unwrap().is_none());
    world.close().await;
}

#[tokio::test]
async fn when_whoever_waits_on_a_channel_is_gone_then_the_next_request_is_answered() {
    let world = World::new(normal()).await;
    let gone = Wire::open(&world).await;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consume =
        gone.channel
            .basic_consume(DIRECT.into(), "".into(), options, FieldTable::default());
    let answers = consume.await.unwrap();
    let request = world.request(0);
    let properties = BasicProperties::default().with_reply_to(DIRECT.into());
    publish(&world, &gone, &encode(&request), properties).await;
    drop((answers, gone));
    let _worker = world.worker();
    // It was carried out all the same, and repeating it gives the answer.
    let id = world.accepted(&request).await;
    assert_upgraded(&world, &world.finished(id).await);
    world.close().await;
}

#[tokio::test]
async fn when_a_request_has_other_properties_then_they_are_ignored() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let wire = Wire::open(&world).await;
    let mut headers = FieldTable::default();
    headers.insert("x-unknown".into(), AMQPValue::Boolean(true));
    headers.insert("traceparent".into(), AMQPValue::LongInt(7));
    headers.insert(
        "x-set-aside-at".into(),
        AMQPValue::LongString("yesterday".into()),
    );
    let plain = BasicProperties::default();
    let request = world.request(0);
    let all = [
        plain.clone(),
        plain.clone().with_content_type("text/plain".into()),
        plain.clone().with_content_encoding("gzip".into()),
        plain.clone().with_type("upgrade-event".into()),
        plain
            .clone()
            .with_type("".into())
            .with_content_type("".into()),
        plain.clone().with_delivery_mode(1).with_priority(9),
        plain
            .clone()
            .with_timestamp(u64::MAX)
            .with_app_id("an-app".into()),
        plain.clone().with_cluster_id("somewhere".into()),
        plain.clone().with_message_id("not the request's id".into()),
        plain.with_headers(headers),
    ];
    for (n, properties) in all.into_iter().enumerate() {
        let what = format!("{properties:?}");
        let reply = answer(&world, &wire, &encode(&request), properties).await;
        let Answer::Accepted { duplicate, .. } = reply.answer else {
            panic!("{what}: {reply:?}")
        };
        assert_eq!(duplicate, n > 0, "{what}");
    }
    world.close().await;
}

#[tokio::test]
async fn when_a_known_key_stands_twice_then_the_request_is_rejected_and_an_unknown_one_may() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let wire = Wire::open(&world).await;
    let request = String::from_utf8(encode(&world.request(0))).unwrap();
    let with = |front: &str| request.replacen('{', &format!("{{{front},"), 1);
    let image = "\"tpvm_image\":\"/images/other.deb\"";
    let inside = request.replacen("\"options\":{", "\"options\":{\"force\":true,", 1);
    assert_ne!(inside, request);
    for body in [
        with(image),
        with("\"version\":1"),
        with("\"options\":{}"),
        inside,
    ] {
        let reply = answer(&world, &wire, body.as_bytes(), BasicProperties::default()).await;
        let Answer::Rejected { reasons } = reply.answer else {
            panic!("{body}: {reply:?}")
        };
        assert_eq!(reasons[0].code, ReasonCode::MalformedRequest);
        assert!(
            reasons[0].message.contains("duplicate field `"),
            "{reasons:?}"
        );
    }
    let dead = world.names.dead_letter_queue();
    until("the dead letters", || async {
        (wire.ready(&dead).await == 4).then_some(())
    })
    .await;
    let twice = with("\"later\":1,\"later\":[2]");
    let reply = answer(&world, &wire, twice.as_bytes(), BasicProperties::default()).await;
    assert!(matches!(reply.answer, Answer::Accepted { .. }), "{reply:?}");
    world.close().await;
}

/// What may stand in any field of a request.
fn bad_values() -> Vec<serde_json::Value> {
    use serde_json::json;

    let long = "hunter2".repeat(1_500);
    vec![
        json!(long),
        json!({ long.clone(): [long.clone()] }),
        json!("hunter2\u{0}\u{1b}[2J\r\n\u{202e}"),
        json!(-47_114_711),
        json!(4.5),
        json!(["hunter2"]),
        json!({}),
        json!(null),
    ]
}

#[tokio::test]
async fn when_a_field_is_wrong_then_the_answer_is_short_and_in_words_of_json() {
    let world = World::new(normal()).await;
    let _worker = world.worker();
    let wire = Wire::open(&world).await;
    let mut good: serde_json::Value = serde_json::from_slice(&encode(&world.request(0))).unwrap();
    good["trusted_peer_sudo_user"] = "extreme".into();
    let mut seen = 0;
    for field in good.as_object().unwrap().keys() {
        for bad in bad_values() {
            let mut request = good.clone();
            request[field] = bad;
            let body = request.to_string();
            let reply = answer(&world, &wire, body.as_bytes(), BasicProperties::default()).await;
            let Answer::Rejected { reasons } = reply.answer else {
                // Some fields may be left out, and options may be empty: later ones are busy.
                continue;
            };
            for reason in reasons {
                let text = format!("{} {}", reason.message, reason.remedy);
                assert!(text.len() < 600, "{field}: {text}");
                assert!(!text.contains(char::is_control), "{field}: {text:?}");
                for never in [
                    "hunter2", "47114711", "\u{202e}", "u64", "i32", "struct", "sequence",
                ] {
                    assert!(!text.contains(never), "{field}: {text}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
    world.close().await;
}
