//! Declaring, and every way in which the broker says no.

use std::error::Error;
use std::time::Duration;

use broker::{BrokerError, BrokerOptions, Consumer, declare};
use lapin::ExchangeKind;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use schemas::{Names, State};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{SOON, amqp_url, on_bare_bed, on_bed, queue, soon};

/// All that an operator could read of an error.
fn everything_said(error: &BrokerError) -> String {
    let mut said = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(error) = source {
        said.push_str(&format!(" {error:?} {error}"));
        source = error.source();
    }
    said
}

fn with_credentials(credentials: &str) -> String {
    let url = amqp_url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    format!("{scheme}://{credentials}@{host}")
}

#[tokio::test]
async fn declaring_again_changes_nothing() {
    on_bare_bed(async |bed| {
        declare(&bed.options).await.unwrap();
        declare(&bed.options).await.unwrap();
        let names = bed.names();
        // A passive declare fails if the queue does not exist.
        assert_eq!(bed.ready(&queue(bed)).await, 0);
        assert_eq!(bed.ready(&names.request_queue()).await, 0);
        assert_eq!(bed.ready(&names.dead_letter_queue()).await, 0);
    })
    .await;
}

/// The AsyncAPI document's queues, with the names of a bed.
fn documented_queues(names: &Names) -> Vec<(String, FieldTable)> {
    let document = include_str!("../../../schemas/asyncapi.json");
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let ours = |text: &str| text.replacen("tpvm-upgrade", &names.commands_exchange(), 1);
    let queue = |queue: &serde_json::Value| {
        let mut arguments = FieldTable::default();
        for (key, value) in queue["arguments"].as_object().unwrap() {
            let value = match value {
                serde_json::Value::String(text) if key == "x-dead-letter-exchange" => {
                    AMQPValue::LongString(ours(text).into())
                }
                serde_json::Value::String(text) => AMQPValue::LongString(text.as_str().into()),
                number => AMQPValue::LongLongInt(number.as_i64().unwrap()),
            };
            arguments.insert(key.as_str().into(), value);
        }
        (ours(queue["name"].as_str().unwrap()), arguments)
    };
    let channels = document["channels"].as_object().unwrap().values();
    channels
        .flat_map(|channel| {
            let many = channel["x-queues"].as_array().cloned().unwrap_or_default();
            many.into_iter().chain(channel.get("x-queue").cloned())
        })
        .map(|described| queue(&described))
        .collect()
}

#[tokio::test]
async fn when_queues_are_declared_from_the_document_then_workers_find_them_as_they_need_them() {
    on_bare_bed(async |bed| {
        let channel = bed.channel().await;
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let documented = documented_queues(bed.names());
        // Requests, the dead letters, and one for each acting state.
        assert_eq!(documented.len(), 2 + State::ACTING.len(), "{documented:?}");
        for (name, arguments) in documented {
            let declared = channel.queue_declare(name.into(), durable, arguments);
            declared.await.unwrap();
        }
        declare(&bed.options).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_with_what_differs() {
    on_bed(async |bed| {
        let other = BrokerOptions {
            delivery_limit: 7,
            ..bed.options.clone()
        };
        let error = declare(&other).await.unwrap_err();
        let BrokerError::Mismatch { name, .. } = &error else {
            panic!("{error:?}");
        };
        // Requests have a limit of their own, and are declared first.
        let first = bed.names().state_queue(State::DeviceValidation);
        assert_eq!(Some(name), first.as_ref());
        let text = error.to_string();
        for part in ["x-delivery-limit", "7", "20", "delete", "prefix"] {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
        assert!(!error.is_transient());
    })
    .await;
}

#[tokio::test]
async fn a_classic_queue_is_a_mismatch() {
    on_bare_bed(async |bed| {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let channel = bed.channel().await;
        let classic = channel.queue_declare(queue(bed).into(), durable, Default::default());
        classic.await.unwrap();
        let error = declare(&bed.options).await.unwrap_err();
        assert!(
            matches!(&error, BrokerError::Mismatch { name, detail }
                if *name == queue(bed) && detail.contains("inequivalent arg")),
            "{error:?}"
        );
    })
    .await;
}

/// Nobody but an administrator changes that, so a worker that found it ends.
#[tokio::test]
async fn when_a_consumer_finds_a_queue_with_other_arguments_then_it_ends_and_names_it() {
    on_bare_bed(async |bed| {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let channel = bed.channel().await;
        let classic = channel.queue_declare(queue(bed).into(), durable, Default::default());
        classic.await.unwrap();
        let stop = CancellationToken::new();
        let queues = vec![(queue(bed), 1)];
        let (consumer, _deliveries) = Consumer::start(bed.options.clone(), queues, stop);
        let ended = tokio::time::timeout(SOON, consumer.result());
        let error = ended.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, BrokerError::Mismatch { name, .. } if *name == queue(bed)),
            "{error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_exchange_of_another_kind_is_a_mismatch() {
    on_bare_bed(async |bed| {
        let name = bed.names().events_exchange();
        let channel = bed.channel().await;
        let fanout = channel.exchange_declare(
            name.as_str().into(),
            ExchangeKind::Fanout,
            Default::default(),
            Default::default(),
        );
        fanout.await.unwrap();
        let error = declare(&bed.options).await.unwrap_err();
        assert!(
            matches!(&error, BrokerError::Mismatch { name: found, .. } if *found == name),
            "{error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_reserved_name_is_refused_by_name() {
    let mut options = BrokerOptions::new(amqp_url(), "test");
    options.names = Names::new("amq.reserved");
    let error = declare(&options).await.unwrap_err();
    assert!(
        matches!(&error, BrokerError::AccessRefused(refusal)
            if refusal.name == "amq.reserved" && refusal.detail.contains("reserved prefix")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_name_too_long_is_refused_before_it_is_sent() {
    let mut options = BrokerOptions::new(amqp_url(), "test");
    options.names = Names::new("x".repeat(256));
    let error = declare(&options).await.unwrap_err();
    assert!(
        matches!(error, BrokerError::NameTooLong { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_without_showing_it() {
    let url = with_credentials("someone:tr0ub4dor");
    let error = declare(&BrokerOptions::new(url, "test")).await.unwrap_err();
    assert!(
        matches!(&error, BrokerError::LoginRefused { .. }),
        "{error:?}"
    );
    assert!(!error.is_transient());
    let said = everything_said(&error);
    assert!(!said.contains("tr0ub4dor"), "{said}");
}

#[tokio::test]
async fn an_unknown_virtual_host_is_named() {
    let url = amqp_url();
    let scheme_and_host = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let url = format!("{scheme_and_host}/no-such-vhost");
    let error = declare(&BrokerOptions::new(url, "test")).await.unwrap_err();
    assert!(
        matches!(&error, BrokerError::VhostRefused { vhost, .. } if vhost == "no-such-vhost"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_broken_url_is_refused_without_showing_it() {
    for url in ["guest:tr0ub4dor@host", "http://guest:tr0ub4dor@host", ""] {
        let error = declare(&BrokerOptions::new(url, "test")).await.unwrap_err();
        assert!(matches!(error, BrokerError::InvalidUrl { .. }), "{error:?}");
        let said = everything_said(&error);
        assert!(!said.contains("tr0ub4dor"), "{said}");
    }
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("amqp://guest:tr0ub4dor@{address}/%2f");
    let error = declare(&BrokerOptions::new(url, "test")).await.unwrap_err();
    assert!(
        matches!(&error, BrokerError::Unreachable { address: named, .. }
            if *named == address.to_string()),
        "{error:?}"
    );
    assert!(error.is_transient());
    let said = everything_said(&error);
    assert!(!said.contains("tr0ub4dor"), "{said}");
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_given_up_and_hung_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://{}/%2f", listener.local_addr().unwrap());
    let mut options = BrokerOptions::new(url, "test");
    options.connect_timeout = Duration::from_millis(300);
    let begun = Instant::now();
    let peer = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        // Ends when the other side hangs up.
        let _ = socket.read_to_end(&mut heard).await;
        heard
    };
    let (error, heard) = soon("the end", async { tokio::join!(declare(&options), peer) }).await;
    let error = error.unwrap_err();
    assert!(matches!(error, BrokerError::TimedOut { .. }), "{error:?}");
    assert!(heard.starts_with(b"AMQP"), "{heard:?}");
    assert!(begun.elapsed() < SOON / 3, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn tls_is_spoken_by_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqps://{}/%2f", listener.local_addr().unwrap());
    let peer = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut hello = [0; 3];
        socket.read_exact(&mut hello).await.unwrap();
        hello
    };
    let options = BrokerOptions::new(url, "test");
    let (error, hello) = soon("the end", async { tokio::join!(declare(&options), peer) }).await;
    // A TLS record: a handshake of version 3.x.
    assert_eq!(hello[..2], [22, 3]);
    assert!(
        matches!(error, Err(BrokerError::Unreachable { .. })),
        "{error:?}"
    );
}
