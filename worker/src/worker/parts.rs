//! The parts of a worker that run for as long as it does: watched, and ended together.

use std::sync::Arc;
use std::time::Duration;

use broker::Consumer;
use futures_util::FutureExt;
use ledger::Ledger;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::StartError;
use crate::engine::{Couriers, Engine, run_due};

/// What runs in the background.
pub(super) struct Parts {
    consumer: Consumer,
    /// Until it was seen to have ended.
    due: Option<JoinHandle<()>>,
    due_stop: CancellationToken,
    couriers: Arc<Couriers>,
    ledger: Ledger,
    /// The messages in hand.
    pub(super) tasks: TaskTracker,
    /// Has the messages in hand given back.
    halt: CancellationToken,
}

impl Parts {
    /// Starts the loop of due steps beside the others.
    pub(super) fn start(
        engine: &Engine,
        consumer: Consumer,
        couriers: Arc<Couriers>,
        ledger: Ledger,
        halt: CancellationToken,
    ) -> Self {
        let due_stop = CancellationToken::new();
        Self {
            consumer,
            due: Some(tokio::spawn(run_due(engine.clone(), due_stop.clone()))),
            due_stop,
            couriers,
            ledger,
            tasks: TaskTracker::new(),
            halt,
        }
    }

    /// Returns when a part has ended that should not have. Of the consumer its messages tell.
    pub(super) async fn failed(&mut self) -> StartError {
        let due = async {
            match &mut self.due {
                // It ends when it is told to, and it was not.
                Some(due) => drop(due.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            why = self.couriers.failed() => StartError::Broker(why),
            () = self.ledger.failed() => a_lane_ended(),
            () = due => {
                self.due = None;
                the_loop_ended()
            }
        }
    }

    /// Finishes what is in hand, or hands it back, and ends everything, within `limit` in total.
    /// What had failed before, or fails meanwhile, is returned. `cut_short`: the consumer ended
    /// without having been told to.
    pub(super) async fn drain(
        mut self,
        limit: Duration,
        failed: Option<StartError>,
        cut_short: bool,
    ) -> Option<StartError> {
        if failed.is_some() || cut_short {
            error!("a part of the worker has failed: handing back and ending");
            self.halt.cancel();
        }
        info!(in_hand = self.tasks.len(), "draining");
        self.tasks.close();
        // What is left of the time after the steps in hand is for handing them back, and for the
        // connections.
        let deadline = Instant::now() + limit;
        if timeout_at(deadline - limit / 4, self.tasks.wait())
            .await
            .is_err()
        {
            warn!(in_hand = self.tasks.len(), "drain timeout: handing back");
            self.halt.cancel();
        }
        let mut failure = failed;
        let due = self.due.as_ref().map(JoinHandle::abort_handle);
        let ending = async {
            self.tasks.wait().await;
            failure = failure.take().or(self.failed().now_or_never());
            self.due_stop.cancel();
            if let Some(due) = self.due.take()
                && due.await.is_err()
            {
                failure.get_or_insert_with(the_loop_ended);
            }
            if let Err(error) = self.consumer.result().await {
                failure.get_or_insert(StartError::Broker(Arc::new(error)));
            }
            self.couriers.close().await;
            self.ledger.close().await;
        };
        if timeout_at(deadline, ending).await.is_err() {
            // The broker has the messages, and the ledger the steps.
            warn!("not all could be handed back in time; claims that are left have to run out");
            if let Some(due) = due {
                due.abort();
            }
        }
        failure.or(cut_short.then_some(StartError::Ended {
            task: "the consumer",
        }))
    }
}

fn a_lane_ended() -> StartError {
    StartError::Ended {
        task: "a task of the ledger",
    }
}

fn the_loop_ended() -> StartError {
    StartError::Ended {
        task: "the loop that publishes what is due",
    }
}
