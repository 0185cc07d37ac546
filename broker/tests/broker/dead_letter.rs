//! Setting messages aside.

use broker::{Publisher, SetAside};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString};
use schemas::names::{
    HEADER_REASON, HEADER_REMEDY, HEADER_SET_ASIDE_AT, HEADER_SET_ASIDE_BY, HEADER_SOURCE_QUEUE,
};

use crate::support::{Consuming, on_bed, queue};

#[tokio::test]
async fn a_dead_letter_keeps_what_it_was_and_says_why() {
    on_bed(async |bed| {
        let mut headers = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        headers.insert("kept".into(), text("yes"));
        // Further routing keys of the original are none of the copy's.
        let cc = FieldArray::from(vec![text("elsewhere")]);
        headers.insert("CC".into(), AMQPValue::FieldArray(cc));
        let properties = BasicProperties::default()
            .with_headers(headers)
            .with_type("nonsense".into())
            .with_message_id("id-1".into())
            .with_correlation_id("c-1".into())
            .with_expiration("3600000".into());
        let channel = bed.channel().await;
        let publish = channel.basic_publish(
            "".into(),
            queue(bed).into(),
            BasicPublishOptions::default(),
            b"not json",
            properties,
        );
        publish.await.unwrap();

        let publisher = Publisher::start(bed.options.clone());
        let mut consuming = Consuming::start(bed, bed.options.clone(), 1);
        let delivery = consuming.next().await;
        let why = SetAside {
            reason: "it is no JSON".to_owned(),
            remedy: "write JSON".to_owned(),
        };
        let before = chrono::Utc::now().timestamp();
        publisher.dead_letter(&delivery, &why).await.unwrap();
        delivery.ack().await.unwrap();
        consuming.stop().await;
        publisher.close().await;

        let dead = bed.take(&bed.names().dead_letter_queue()).await;
        assert_eq!(dead.data, b"not json");
        let kept = &dead.properties;
        assert_eq!(kept.kind().as_ref().unwrap().as_str(), "nonsense");
        assert_eq!(kept.message_id().as_ref().unwrap().as_str(), "id-1");
        assert_eq!(kept.correlation_id().as_ref().unwrap().as_str(), "c-1");
        assert_eq!(kept.delivery_mode(), &Some(2));
        assert_eq!(kept.expiration(), &None);
        let headers = kept.headers().as_ref().unwrap().inner();
        assert_eq!(headers["kept"], text("yes"));
        assert_eq!(headers.get("CC"), None);
        assert_eq!(headers[HEADER_REASON], text("it is no JSON"));
        assert_eq!(headers[HEADER_REMEDY], text("write JSON"));
        assert_eq!(headers[HEADER_SOURCE_QUEUE], text(&queue(bed)));
        let name = &bed.options.connection_name;
        assert_eq!(headers[HEADER_SET_ASIDE_BY], text(name));
        let AMQPValue::Timestamp(at) = headers[HEADER_SET_ASIDE_AT] else {
            panic!("{headers:?}");
        };
        // As the document says.
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../../schemas/asyncapi.json")).unwrap();
        let headers = &document["components"]["messages"]["deadLetter"]["headers"]["properties"];
        assert_eq!(headers[HEADER_SET_ASIDE_AT]["x-amqp-type"], "timestamp");
        let at = i64::try_from(at).unwrap();
        assert!((before..=chrono::Utc::now().timestamp()).contains(&at));
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_with_headers_of_any_size_is_kept() {
    on_bed(async |bed| {
        // As much as fits into one frame by itself, but not with a reason.
        let mut headers = FieldTable::default();
        let big = LongString::from("x".repeat(130_900));
        headers.insert("big".into(), AMQPValue::LongString(big));
        let channel = bed.channel().await;
        let publish = channel.basic_publish(
            "".into(),
            queue(bed).into(),
            BasicPublishOptions::default(),
            b"not json",
            BasicProperties::default().with_headers(headers),
        );
        publish.await.unwrap();

        let publisher = Publisher::start(bed.options.clone());
        let mut consuming = Consuming::start(bed, bed.options.clone(), 1);
        let delivery = consuming.next().await;
        let why = SetAside {
            reason: "because ".repeat(100),
            remedy: "do ".repeat(300),
        };
        publisher.dead_letter(&delivery, &why).await.unwrap();
        delivery.ack().await.unwrap();
        consuming.stop().await;
        publisher.close().await;
        let dead = bed.take(&bed.names().dead_letter_queue()).await;
        assert_eq!(dead.data, b"not json");
    })
    .await;
}
