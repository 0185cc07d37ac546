//! Answers that come after the wait for them is over: the connection goes with them, so that the
//! broker takes back what belongs to it, and nothing is left behind that nobody knows of.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{BrokerOptions, Publisher};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::support::{Bed, Consuming, eventually, on_bed, outgoing, queue, seq};

/// The longest wait for an answer in these tests, and how late an answer is.
const PATIENCE: Duration = Duration::from_millis(800);
const LATE: Duration = Duration::from_secs(3);

/// AMQP's class and method.
type Method = (u16, u16);

const CONNECTION_START: Method = (10, 10);
const CONNECTION_TUNE: Method = (10, 30);
const CONNECTION_OPEN_OK: Method = (10, 41);
const CHANNEL_OPEN_OK: Method = (20, 11);
const EXCHANGE_DECLARE_OK: Method = (40, 11);
const QUEUE_DECLARE_OK: Method = (50, 11);
const QUEUE_BIND_OK: Method = (50, 21);
const BASIC_QOS_OK: Method = (60, 11);
const BASIC_CONSUME_OK: Method = (60, 21);
const BASIC_CANCEL_OK: Method = (60, 31);
const CONFIRM_SELECT_OK: Method = (85, 11);

/// A proxy that has one answer of the broker come late, and with it all that follows it.
struct Late {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    target: String,
    method: Method,
    /// How many are still to be late.
    left: AtomicUsize,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

impl Late {
    async fn start(method: Method) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: authority(),
            method,
            left: AtomicUsize::new(1),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let ours = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                ours.accepted.fetch_add(1, Ordering::SeqCst);
                ours.open.fetch_add(1, Ordering::SeqCst);
                let shared = ours.clone();
                tokio::spawn(async move {
                    let _ = carry(client, &shared).await;
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            shared,
            accepting: accepting.abort_handle(),
        }
    }

    fn options(&self, bed: &Bed) -> BrokerOptions {
        let url = services::plain_amqp_url().unwrap().replacen(
            &self.shared.target,
            &self.address.to_string(),
            1,
        );
        BrokerOptions {
            connect_timeout: PATIENCE,
            ..bed.options_via(url)
        }
    }

    fn has_happened(&self) -> bool {
        self.shared.left.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn authority() -> String {
    let url = services::plain_amqp_url().unwrap();
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}

async fn carry(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let target = TcpStream::connect(&shared.target).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_target, mut to_target) = target.into_split();
    let answers = async {
        loop {
            // Type, channel, size; what follows ends with one more byte.
            let mut head = [0; 7];
            from_target.read_exact(&mut head).await?;
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
            let mut rest = vec![0; size as usize + 1];
            from_target.read_exact(&mut rest).await?;
            if head[0] == 1 && of(&rest) == shared.method {
                let one_less = |left: usize| left.checked_sub(1);
                let order = Ordering::SeqCst;
                if shared.left.fetch_update(order, order, one_less).is_ok() {
                    tokio::time::sleep(LATE).await;
                }
            }
            to_client.write_all(&head).await?;
            to_client.write_all(&rest).await?;
        }
    };
    tokio::select! {
        ended = answers => ended,
        ended = copy(&mut from_client, &mut to_target) => ended.map(|_| ()),
    }
}

fn of(arguments: &[u8]) -> Method {
    let number = |at: usize| u16::from_be_bytes([arguments[at], arguments[at + 1]]);
    (number(0), number(2))
}

/// Six messages wait; whichever answer is late, all of them come, and one consumer is left.
async fn nothing_is_kept_from_a_consumer(method: Method) {
    const COUNT: i32 = 6;
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        for n in 1..=COUNT {
            publisher.publish(outgoing(bed, n)).await.unwrap();
        }
        let late = Late::start(method).await;
        let mut consuming = Consuming::start(bed, late.options(bed), 100);
        let mut seen = BTreeSet::new();
        eventually(&format!("the late answer {method:?}"), async || {
            late.has_happened().then_some(())
        })
        .await;
        while seen.len() < COUNT as usize {
            let delivery = consuming.next().await;
            seen.insert(seq(&delivery));
            // One that came by the lost connection comes again.
            let _ = delivery.ack().await;
        }
        eventually("one consumer, and nothing left", async || {
            let channel = bed.channel().await;
            let passive = lapin::options::QueueDeclareOptions {
                passive: true,
                ..Default::default()
            };
            let declared = channel
                .queue_declare(queue(bed).into(), passive, Default::default())
                .await
                .unwrap();
            let left = (declared.consumer_count(), declared.message_count());
            (left == (1, 0)).then_some(())
        })
        .await;
        // What is published now comes to the one consumer.
        for n in COUNT + 1..=2 * COUNT {
            publisher.publish(outgoing(bed, n)).await.unwrap();
        }
        while seen.len() < 2 * COUNT as usize {
            let delivery = consuming.next().await;
            seen.insert(seq(&delivery));
            let _ = delivery.ack().await;
        }
        consuming.stop().await;
        publisher.close().await;
    })
    .await;
}

macro_rules! late {
    ($($name:ident: $method:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            nothing_is_kept_from_a_consumer($method).await;
        }
    )*};
}

late! {
    when_connection_start_is_late_then_no_message_stays_behind: CONNECTION_START;
    when_connection_tune_is_late_then_no_message_stays_behind: CONNECTION_TUNE;
    when_connection_open_ok_is_late_then_no_message_stays_behind: CONNECTION_OPEN_OK;
    when_channel_open_ok_is_late_then_no_message_stays_behind: CHANNEL_OPEN_OK;
    when_exchange_declare_ok_is_late_then_no_message_stays_behind: EXCHANGE_DECLARE_OK;
    when_queue_declare_ok_is_late_then_no_message_stays_behind: QUEUE_DECLARE_OK;
    when_queue_bind_ok_is_late_then_no_message_stays_behind: QUEUE_BIND_OK;
    when_basic_qos_ok_is_late_then_no_message_stays_behind: BASIC_QOS_OK;
    when_basic_consume_ok_is_late_then_no_message_stays_behind: BASIC_CONSUME_OK;
}

#[tokio::test]
async fn when_confirm_select_ok_is_late_then_the_publisher_connects_anew() {
    on_bed(async |bed| {
        let late = Late::start(CONFIRM_SELECT_OK).await;
        let publisher = Publisher::start(late.options(bed));
        eventually("a publish", async || {
            publisher.publish(outgoing(bed, 1)).await.ok()
        })
        .await;
        assert!(late.has_happened());
        eventually("the first connection's end", async || {
            let open = late.shared.open.load(Ordering::SeqCst);
            (open == 1).then_some(())
        })
        .await;
        assert!(late.shared.accepted.load(Ordering::SeqCst) >= 2);
        publisher.close().await;
    })
    .await;
}

#[tokio::test]
async fn when_cancel_ok_is_late_then_the_messages_go_back() {
    on_bed(async |bed| {
        let publisher = Publisher::start(bed.options.clone());
        for n in 1..=3 {
            publisher.publish(outgoing(bed, n)).await.unwrap();
        }
        let late = Late::start(BASIC_CANCEL_OK).await;
        let mut consuming = Consuming::start(bed, late.options(bed), 100);
        let held = consuming.next().await;
        consuming.stop().await;
        assert!(late.has_happened());
        // The connection is gone: also what is still in hand is the queue's again.
        eventually("all messages back", async || {
            (bed.ready(&queue(bed)).await == 3).then_some(())
        })
        .await;
        drop(held);
        publisher.close().await;
    })
    .await;
}
