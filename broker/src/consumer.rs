//! Receiving, for workers.

mod queue;

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::delay::Delays;
use crate::delivery::Delivery;
use crate::error::BrokerError;
use crate::link::Link;
use crate::options::{Backoff, BrokerOptions};
use crate::refusals::Refusals;
use crate::topology::declare_on;
use queue::Queue;

/// How many messages may lie between the connection and the worker. More only move from the
/// broker's buffer to ours, since the prefetch bounds them all.
const BUFFER: usize = 256;

/// One task that consumes from several queues over one connection, each queue on a channel of its
/// own. It comes back after a lost connection, a closed channel and a cancel by the broker, and
/// declares everything anew each time.
pub struct Consumer {
    task: JoinHandle<Result<(), BrokerError>>,
}

impl Consumer {
    /// Starts consuming. Each queue comes with its prefetch: how many of its messages may be
    /// unacknowledged at once, from 1. Messages of all queues come out of the one receiver.
    ///
    /// When `stop` is cancelled, consuming is cancelled at the broker, and the receiver ends after
    /// what it holds already. Dropping the receiver does the same, and gives that back too.
    /// Messages already handed out can still be acknowledged: the connection stays open for them.
    pub fn start(
        options: BrokerOptions,
        queues: Vec<(String, u16)>,
        stop: CancellationToken,
    ) -> (Self, mpsc::Receiver<Delivery>) {
        let (out, deliveries) = mpsc::channel(BUFFER);
        let shared = Shared { options, out, stop };
        let task = tokio::spawn(run(shared, queues));
        (Self { task }, deliveries)
    }

    /// Waits until the task has ended, which it does soon after it was told to stop.
    pub async fn finished(self) {
        if let Err(error) = self.result().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "the consumer's task failed"
            );
        }
    }

    /// As [`Consumer::finished`], with what ended it.
    ///
    /// # Errors
    /// [`BrokerError`]: the broker refuses the user, or the task panicked. Then the receiver ends
    /// without having been told to stop.
    pub async fn result(self) -> Result<(), BrokerError> {
        let task = "consumer";
        self.task.await.unwrap_or(Err(BrokerError::Ended { task }))
    }
}

/// What all queues of a consumer share.
struct Shared {
    options: BrokerOptions,
    out: mpsc::Sender<Delivery>,
    stop: CancellationToken,
}

impl Shared {
    /// Returns when nobody wants any more messages.
    async fn stopped(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.out.closed() => {}
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled() || self.out.is_closed()
    }

    /// Waits, unless nobody wants any more messages.
    async fn pause(&self, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = self.stopped() => {}
        }
    }
}

async fn run(shared: Shared, queues: Vec<(String, u16)>) -> Result<(), BrokerError> {
    let Backoff { first, max } = shared.options.reconnect;
    let mut delays = Delays::new(first, max);
    let mut refusals = Refusals::default();
    while !shared.is_stopped() {
        let connected = tokio::select! {
            connected = connect(&shared.options) => connected,
            () = shared.stopped() => break,
        };
        match connected {
            Ok(link) => {
                info!("the consumer is connected");
                delays.reset();
                let attended = queues.iter().map(|(name, prefetch)| Queue {
                    shared: &shared,
                    link: &link,
                    name,
                    prefetch: *prefetch,
                });
                match try_join_all(attended.map(Queue::attend)).await {
                    Ok(_) => refusals = Refusals::default(),
                    Err(error) => {
                        // What was received by it goes back.
                        link.sever();
                        refusals.another(error)?;
                        shared.pause(delays.next()).await;
                    }
                }
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the consumer can't connect"
                );
                refusals.another(error)?;
                shared.pause(delays.next()).await;
            }
        }
    }
    debug!("the consumer ended");
    Ok(())
}

async fn connect(options: &BrokerOptions) -> Result<Link, BrokerError> {
    let link = Link::open(options, "consumer").await?;
    if let Err(error) = declare_on(&link, options).await {
        // Dropped, it would stay for as long as the broker keeps it.
        link.sever();
        return Err(error);
    }
    Ok(link)
}
