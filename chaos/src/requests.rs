//! Requests as EFA publishes them: with a reply queue, and again with the same id while no reply
//! has come.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::{BrokerOptions, Inbox, Outgoing, Publisher};
use schemas::{Answer, Reply, TraceContext, UpgradeRequest, decode};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// How long a reply is waited for before the request is sent again.
const PATIENCE: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(200);
/// One of so many requests names a reply queue that refuses every message.
const FULL: u8 = 6;
/// That queue. Its name is none of the installation's: what lies in it stays there.
pub const FULL_REPLIES: &str = "full-replies";

/// Publishes requests, and hears their replies.
#[derive(Clone)]
pub struct Requester {
    broker: BrokerOptions,
    publisher: Publisher,
    shared: Arc<Shared>,
}

struct Shared {
    /// The reply queue of now; none while there is no connection.
    queue: watch::Sender<Option<String>>,
    waiting: Mutex<HashMap<Uuid, oneshot::Sender<Answer>>>,
    resent: AtomicU64,
}

impl Requester {
    pub fn new(broker: BrokerOptions) -> Self {
        Self {
            publisher: Publisher::start(broker.clone()),
            broker,
            shared: Arc::new(Shared {
                queue: watch::Sender::new(None),
                waiting: Mutex::default(),
                resent: AtomicU64::new(0),
            }),
        }
    }

    /// Hears replies, on a new queue after each loss of the connection. Never returns.
    pub async fn listen(&self) {
        loop {
            if let Ok(mut inbox) = Inbox::open(&self.broker).await {
                self.shared
                    .queue
                    .send_replace(Some(inbox.queue().to_owned()));
                while let Ok(message) = inbox.next(Duration::from_secs(60)).await {
                    if let Some(message) = message {
                        self.hear(&message.body);
                    }
                }
                self.shared.queue.send_replace(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes a reply, which may also come by the events exchange.
    pub fn hear(&self, body: &[u8]) {
        let Ok(reply) = decode::<Reply>(body) else {
            return;
        };
        let waiter = reply.request_id.and_then(|id| self.waiting().remove(&id));
        if let Some(waiter) = waiter {
            // Nobody waits any more: the same was answered twice.
            let _ = waiter.send(reply.answer);
        }
    }

    /// Publishes a request, again and again, until it is answered.
    pub async fn submit(&self, request: &UpgradeRequest) -> Answer {
        for tries in 0.. {
            if tries > 0 {
                self.shared.resent.fetch_add(1, Ordering::Relaxed);
            }
            let (waiter, answer) = oneshot::channel();
            self.waiting().insert(request.request_id, waiter);
            let mut queue = self.shared.queue.subscribe();
            let queue = queue
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|queue| queue.clone());
            // Some requesters' queues take nothing. The reply then comes by the events exchange.
            let queue = match tries == 0 && request.request_id.as_bytes()[15].is_multiple_of(FULL) {
                true => Some(FULL_REPLIES.to_owned()),
                false => queue,
            };
            let message =
                Outgoing::request(&self.broker.names, request, queue, TraceContext::new_root());
            // What became of it is told by the reply, or by none.
            if self.publisher.publish(message).await.is_ok()
                && let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, answer).await
            {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
        unreachable!("there is no end of numbers")
    }

    /// Publishes a request that was answered once more, and does not wait for the answer.
    pub async fn repeat(&self, request: &UpgradeRequest) {
        let queue = self.shared.queue.borrow().clone();
        let trace = TraceContext::new_root();
        let message = Outgoing::request(&self.broker.names, request, queue, trace);
        let _ = self.publisher.publish(message).await;
    }

    /// How many requests were sent again for want of a reply.
    pub fn resent(&self) -> u64 {
        self.shared.resent.load(Ordering::Relaxed)
    }

    pub async fn close(self) {
        self.publisher.close().await;
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Answer>>> {
        let waiting = &self.shared.waiting;
        waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
