//! Networks and brokers that fail.

use std::time::Duration;

use broker::{BrokerOptions, PublishError, Publisher};
use services::{Flow, Proxy};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::{
    Bed, Consuming, amqp_url, eventually, forging_proxy, on_bed, outgoing, proxy, queue, seq, soon,
    via,
};

const CONNECTION: u16 = 10;
const BLOCKED: u16 = 60;
const UNBLOCKED: u16 = 61;
const CHANNEL: u16 = 20;
const CLOSE: u16 = 40;

/// Less patient than usual.
fn impatient(bed: &Bed, url: String, patience: Duration) -> BrokerOptions {
    BrokerOptions {
        publish_timeout: patience,
        ..bed.options_via(url)
    }
}

/// Says something to every client in the broker's name: a method frame.
fn inject(proxy: &Proxy, channel: u16, class: u16, method: u16, arguments: &[u8]) {
    let mut frame = vec![1];
    frame.extend(channel.to_be_bytes());
    let size = u32::try_from(arguments.len() + 4).unwrap();
    frame.extend(size.to_be_bytes());
    frame.extend(class.to_be_bytes());
    frame.extend(method.to_be_bytes());
    frame.extend(arguments);
    frame.push(0xCE);
    proxy.inject(&frame);
}

async fn publishes_again(bed: &Bed, publisher: &Publisher) {
    eventually("a publish", async || {
        publisher.publish(outgoing(bed, 99)).await.ok()
    })
    .await;
}

/// Until what was injected has arrived, publishes succeed.
async fn times_out(bed: &Bed, publisher: &Publisher) {
    let error = eventually("a timeout", async || {
        publisher.publish(outgoing(bed, 98)).await.err()
    })
    .await;
    assert!(matches!(error, PublishError::TimedOut(_)), "{error:?}");
}

#[tokio::test]
async fn the_publisher_comes_back_after_each_cut() {
    on_bed(async |bed| {
        let proxy = proxy();
        let publisher = Publisher::start(bed.options_via(via(&proxy)));
        for round in 1..=5 {
            publishes_again(bed, &publisher).await;
            assert!(proxy.accepted() >= round);
            proxy.cut().await;
        }
        publishes_again(bed, &publisher).await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_in_flight_when_the_connection_was_cut_fails_at_once() {
    on_bed(async |bed| {
        let proxy = proxy();
        let patience = Duration::from_secs(60);
        let publisher = Publisher::start(impatient(bed, via(&proxy), patience));
        publishes_again(bed, &publisher).await;
        let before = bed.ready(&queue(bed)).await;
        proxy.answers(Flow::Stalled);
        let cut = async {
            eventually("the message", async || {
                (bed.ready(&queue(bed)).await > before).then_some(())
            })
            .await;
            proxy.cut().await;
        };
        let publish = publisher.publish(outgoing(bed, 1));
        let (result, ()) = soon("the result", async { tokio::join!(publish, cut) }).await;
        assert!(
            matches!(result, Err(PublishError::Disconnected(_))),
            "{result:?}"
        );
        proxy.answers(Flow::Open);
        publishes_again(bed, &publisher).await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_confirm_that_never_comes_times_out_and_the_connection_is_replaced() {
    on_bed(async |bed| {
        let proxy = proxy();
        let patience = Duration::from_secs(1);
        let options = BrokerOptions {
            // Long, so that it is not the heartbeat that finds the connection dead.
            heartbeat: Duration::from_secs(60),
            ..impatient(bed, via(&proxy), patience)
        };
        let publisher = Publisher::start(options);
        publishes_again(bed, &publisher).await;
        let connections = proxy.accepted();
        proxy.answers(Flow::Stalled);
        let begun = Instant::now();
        let result = publisher.publish(outgoing(bed, 1)).await;
        // The publisher's task may give the connection up in the same moment.
        assert!(
            matches!(
                result,
                Err(PublishError::TimedOut(_) | PublishError::Disconnected(_))
            ),
            "{result:?}"
        );
        assert!(begun.elapsed() >= patience, "{:?}", begun.elapsed());
        assert!(begun.elapsed() < patience * 5, "{:?}", begun.elapsed());
        // The broker would keep the old connection for a while yet: a new one is needed.
        eventually("a new connection", async || {
            (proxy.accepted() > connections).then_some(())
        })
        .await;
        proxy.answers(Flow::Open);
        publishes_again(bed, &publisher).await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_broker_a_publish_times_out_and_with_one_it_succeeds() {
    on_bed(async |bed| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let patience = Duration::from_millis(500);
        let nowhere = format!("amqp://{address}/%2f");
        let publisher = Publisher::start(impatient(bed, nowhere, patience));
        let begun = Instant::now();
        let result = publisher.publish(outgoing(bed, 1)).await;
        assert_eq!(result, Err(PublishError::TimedOut(patience)));
        assert!(begun.elapsed() < patience * 10, "{:?}", begun.elapsed());
        soon("the end", publisher.close()).await;
        assert_eq!(bed.ready(&queue(bed)).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_blocked_connection_times_out_and_goes_on_when_it_is_unblocked() {
    on_bed(async |bed| {
        let (proxy, via) = forging_proxy();
        let patience = Duration::from_millis(700);
        let publisher = Publisher::start(impatient(bed, via, patience));
        publishes_again(bed, &publisher).await;
        inject(&proxy, 0, CONNECTION, BLOCKED, b"\x0alow memory");
        times_out(bed, &publisher).await;
        // Again: the connection is not to blame, and is kept.
        let result = publisher.publish(outgoing(bed, 1)).await;
        assert_eq!(result, Err(PublishError::TimedOut(patience)));
        inject(&proxy, 0, CONNECTION, UNBLOCKED, b"");
        publishes_again(bed, &publisher).await;
        assert_eq!(proxy.accepted(), 1);
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn closing_does_not_wait_for_ever_for_a_blocked_connection() {
    on_bed(async |bed| {
        let (proxy, via) = forging_proxy();
        let patience = Duration::from_millis(500);
        let publisher = Publisher::start(impatient(bed, via, patience));
        publishes_again(bed, &publisher).await;
        inject(&proxy, 0, CONNECTION, BLOCKED, b"\x0alow memory");
        times_out(bed, &publisher).await;
        soon("the end", publisher.close()).await;
    })
    .await;
}

#[tokio::test]
async fn the_consumer_comes_back_after_each_cut() {
    on_bed(async |bed| {
        let proxy = proxy();
        let publisher = Publisher::start(bed.options.clone());
        let mut consuming = Consuming::start(bed, bed.options_via(via(&proxy)), 10);
        publisher.publish(outgoing(bed, 100)).await.unwrap();
        let mut held = consuming.next().await;
        for n in 1..=3 {
            proxy.cut().await;
            publisher.publish(outgoing(bed, n)).await.unwrap();
            // What was held comes again, and is no longer ours to acknowledge.
            let mut again = None;
            let mut new = None;
            while again.is_none() || new.is_none() {
                let delivery = consuming.next().await;
                match seq(&delivery) {
                    100 => assert!(again.replace(delivery).is_none(), "it came twice"),
                    seq if seq == n => assert!(new.replace(delivery).is_none(), "it came twice"),
                    // Its acknowledgement was lost in the cut.
                    _ => delivery.ack().await.unwrap(),
                }
            }
            held.ack().await.unwrap_err();
            let new = new.unwrap();
            new.ack().await.unwrap();
            held = again.unwrap();
            assert!(held.redelivered);
        }
        held.ack().await.unwrap();
        consuming.stop().await;
        assert_eq!(bed.ready(&queue(bed)).await, 0);
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_consumer_comes_back_when_its_queue_is_deleted() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        let mut consuming = Consuming::start(bed, bed.options.clone(), 10);
        for n in 1..=3 {
            // The queue is there again when it is declared anew.
            eventually("a publish", async || {
                publisher.publish(outgoing(bed, n)).await.ok()
            })
            .await;
            let delivery = consuming.next().await;
            assert_eq!(seq(&delivery), n);
            delivery.ack().await.unwrap();
            bed.delete_queue(&queue(bed)).await;
        }
        publishes_again(bed, &publisher).await;
        consuming.next().await.ack().await.unwrap();
        consuming.stop().await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_consumer_comes_back_when_its_channel_is_closed() {
    on_bed(async |bed| {
        let (proxy, via) = forging_proxy();
        let publisher = Publisher::start(bed.options.clone());
        let mut consuming = Consuming::start(bed, bed.options_via(via), 10);
        publisher.publish(outgoing(bed, 1)).await.unwrap();
        consuming.next().await.ack().await.unwrap();
        // 406, as after a message was held for longer than the broker's consumer timeout. The
        // first channel was the one to declare on.
        for channel in 1..=2 {
            inject(&proxy, channel, CHANNEL, CLOSE, b"\x01\x96\x04late\0\0\0\0");
        }
        publisher.publish(outgoing(bed, 2)).await.unwrap();
        let delivery = consuming.next().await;
        assert_eq!(seq(&delivery), 2);
        delivery.ack().await.unwrap();
        consuming.stop().await;
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_consumer_starts_before_the_broker_can_be_reached() {
    on_bed(async |bed| {
        let proxy = proxy();
        proxy.answers(Flow::Stalled);
        let options = BrokerOptions {
            connect_timeout: Duration::from_millis(200),
            ..bed.options_via(via(&proxy))
        };
        let mut consuming = Consuming::start(bed, options, 10);
        eventually("some attempts", async || {
            (proxy.accepted() > 2).then_some(())
        })
        .await;
        proxy.answers(Flow::Open);
        let publisher = Publisher::start(bed.options_via(amqp_url()));
        publisher.publish(outgoing(bed, 1)).await.unwrap();
        consuming.next().await.ack().await.unwrap();
        consuming.stop().await;
        publisher.close().await;
    })
    .await;
}
