//! The command line's queue.

use std::time::Duration;

use broker::{BrokerError, Inbox, Outgoing, Publisher};
use schemas::{Answer, Message, Names, Reply, TraceContext, V1};
use uuid::Uuid;

use crate::support::{SOON, on_bed, proxy, soon, via};

fn reply() -> Reply {
    Reply {
        version: V1,
        request_id: Some(Uuid::new_v4()),
        answer: Answer::Accepted {
            execution_id: Uuid::new_v4(),
            duplicate: false,
        },
    }
}

#[tokio::test]
async fn an_answer_arrives_by_the_name_of_the_queue() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let mut inbox = Inbox::open(&bed.options).await.unwrap();
        let reply = reply();
        let correlation = Some("c-7".to_owned());
        let trace = TraceContext::new_root();
        let message = Outgoing::reply(inbox.queue(), &reply, correlation.clone(), trace);
        publisher.publish(message).await.unwrap();
        let answer = inbox.next(SOON).await.unwrap().unwrap();
        assert_eq!(schemas::decode::<Reply>(&answer.body).unwrap(), reply);
        assert_eq!(answer.correlation_id, correlation);
        assert_eq!(answer.message_type.as_deref(), Some(Reply::TYPE));
        assert_eq!(answer.trace, trace);
        // Which changes nothing, and is no error.
        answer.ack().await.unwrap();
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn only_what_is_subscribed_to_arrives() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let mut inbox = Inbox::open(&bed.options).await.unwrap();
        let fallback = || {
            let trace = TraceContext::new_root();
            Outgoing::reply_fallback(bed.names(), &reply(), None, trace)
        };
        inbox.subscribe("event.#").await.unwrap();
        publisher.publish(fallback()).await.unwrap();
        inbox.subscribe(Names::REPLY_KEY).await.unwrap();
        let second = fallback();
        publisher.publish(second.clone()).await.unwrap();
        let arrived = inbox.next(SOON).await.unwrap().unwrap();
        assert_eq!(arrived.message_id, Some(second.message_id));
        let more = inbox.next(Duration::from_millis(100)).await.unwrap();
        assert!(more.is_none(), "{more:?}");
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn its_queue_is_gone_with_it() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let inbox = Inbox::open(&bed.options).await.unwrap();
        let queue = inbox.queue().to_owned();
        drop(inbox);
        crate::support::eventually("unroutable", async || {
            let trace = TraceContext::new_root();
            let message = Outgoing::reply(&queue, &reply(), None, trace);
            publisher.publish(message).await.err()
        })
        .await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_is_an_error_and_not_silence() {
    on_bed(async |bed| {
        let proxy = proxy();
        let mut inbox = Inbox::open(&bed.options_via(via(&proxy))).await.unwrap();
        proxy.cut().await;
        let error = soon("an error", inbox.next(SOON * 2)).await.unwrap_err();
        assert!(matches!(error, BrokerError::Failed { .. }), "{error:?}");
        assert!(error.is_transient());
    })
    .await;
}
