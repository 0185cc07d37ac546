//! One message's life: decode, claim, perform, record, publish, acknowledge.
//!
//! The message stays unacknowledged until everything that follows from it is confirmed, so the
//! broker hands it out again if this process dies. Whatever else is lost, the ledger's `wake_at`
//! brings back.

mod announce;
mod courier;
mod due;
mod keeper;
pub(crate) mod persist;
mod requests;
mod set_aside;
mod settle;
mod silent;
mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use broker::{Delivery, SetAside};
use schemas::{Names, State};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span};

use crate::config::Config;
use crate::context::Surroundings;
use crate::panics;
use silent::Silent;

pub use courier::{Courier, Couriers};
pub use due::run as run_due;

/// What happens to a message once its handler is through with it.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that follows from it is durable.
    Ack,
    /// It is set aside.
    DeadLetter(SetAside),
    /// The worker is being stopped, or panicked: the broker hands it out again.
    Leave,
}

/// Everything that handling a message needs. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    around: Surroundings,
    courier: Arc<dyn Courier>,
    names: Names,
    config: Arc<Config>,
    worker: Arc<str>,
    /// Cancelled when steps must be handed back.
    halt: CancellationToken,
    /// Queues of others that did not confirm a moment ago.
    silent: Arc<Silent>,
    /// How many replies reached nobody.
    replies_dropped: Arc<AtomicU64>,
    /// Whether Postgres refused for good to say what is due.
    due_refused: Arc<AtomicBool>,
}

impl Engine {
    /// An engine; `worker` is its name in the ledger, `halt` tells it to hand back what it holds.
    pub fn new(
        around: Surroundings,
        courier: Arc<dyn Courier>,
        config: Arc<Config>,
        worker: &str,
        halt: CancellationToken,
    ) -> Self {
        let names = Names::new(&config.broker.prefix);
        Self {
            around,
            courier,
            names,
            config,
            worker: worker.into(),
            halt,
            silent: Arc::default(),
            replies_dropped: Arc::default(),
            due_refused: Arc::default(),
        }
    }

    /// The queues that this worker consumes, each with its prefetch.
    pub fn queues(&self) -> Vec<(String, u16)> {
        let requests = self
            .config
            .worker
            .serve_requests
            .then(|| self.names.request_queue());
        let steps = self
            .config
            .states()
            .iter()
            .filter_map(|state| self.names.state_queue(*state));
        requests
            .into_iter()
            .chain(steps)
            .map(|queue| (queue, self.config.broker.prefetch))
            .collect()
    }

    /// Whether it came by the queue of requests.
    pub fn is_request(&self, delivery: &Delivery) -> bool {
        delivery.queue == self.names.request_queue()
    }

    /// Handles one message to its end.
    pub async fn handle(&self, delivery: Delivery) {
        let trace_id = delivery.trace.trace_id();
        let span = info_span!("message", queue = delivery.queue, trace_id);
        async {
            let verdict = match panics::located(self.judge(&delivery)).await {
                Ok(verdict) => verdict,
                Err(location) => self.panicked(&delivery, &location).await,
            };
            let acknowledged = match verdict {
                Verdict::Ack => delivery.ack().await,
                Verdict::DeadLetter(why) => self.set_aside(delivery, &why).await,
                Verdict::Leave => return,
            };
            if let Err(error) = acknowledged {
                // The broker will deliver it again, and the ledger will tell that it is done.
                tracing::debug!(error = %error, "not acknowledged");
            }
        }
        .instrument(span)
        .await;
    }

    /// Does everything that follows from a message, and says what is to become of it.
    pub async fn judge(&self, delivery: &Delivery) -> Verdict {
        if self.is_request(delivery) {
            self.handle_request(delivery).await
        } else if Some(&delivery.queue) == self.names.state_queue(State::TpvmRevert).as_ref() {
            self.handle_revert(delivery).await
        } else {
            self.handle_step(delivery).await
        }
    }

    /// A panic that is not an action's. The message goes back to its queue, after a pause. A step
    /// that is claimed by then counts as one whose worker died. A request has nothing of the kind:
    /// if handling it panics again, whoever asked is answered, and unless it was accepted by then, it
    /// is set aside.
    async fn panicked(&self, delivery: &Delivery, location: &str) -> Verdict {
        const PAUSE: Duration = Duration::from_secs(1);
        if delivery.redelivered && self.is_request(delivery) {
            let answered = self.answer_after_panics(delivery, location);
            return match panics::located(answered).await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(_)) => Verdict::Leave,
                // Even answering does.
                Err(location) => Verdict::DeadLetter(set_aside::panicked(&location)),
            };
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.halt.cancelled() => {}
        }
        Verdict::Leave
    }

    async fn set_aside(&self, delivery: Delivery, why: &SetAside) -> Result<(), broker::AckError> {
        error!(reason = why.reason, "message set aside in the dead letters");
        if self.keep_dead(&delivery, why).await {
            delivery.ack().await
        } else {
            // Stopped, or no way to keep it: the broker still has it.
            Ok(())
        }
    }

    /// Publishes a message to the dead letters; `false` if that can't be done any more.
    pub async fn keep_dead(&self, delivery: &Delivery, why: &SetAside) -> bool {
        let courier = &self.courier;
        let kept = self.persist("publish to the dead letters", || {
            courier.dead_letter(delivery, why)
        });
        matches!(kept.await, Ok(Ok(())))
    }

    /// How long the ledger leaves the publish that follows a write to us.
    fn wake_after(&self) -> Duration {
        self.config.due.again_after
    }
}
