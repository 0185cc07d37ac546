//! The loop that publishes what the ledger says is due: delayed polls and retries, steps of
//! workers that died, messages that a broker lost. All are the same case.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use ledger::Due;
use schemas::TraceContext;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Engine;
use crate::outcome::chain;
use crate::points::Point;

/// How long after its recording the end of an execution is announced by someone else than the
/// worker that recorded it.
const END_GRACE: Duration = Duration::from_secs(30);
/// How many messages of one round are on their way at once.
const WIDTH: usize = 64;

/// Runs until `stop` is cancelled.
pub async fn run(engine: Engine, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(engine.config.due.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = engine.publish_all_due() => {}
            () = stop.cancelled() => return,
        }
        if let Some(file) = &engine.config.worker.heartbeat_file {
            beat(file).await;
        }
    }
}

/// The file's time of change says that this loop goes round.
async fn beat(file: &Path) {
    if let Err(error) = tokio::fs::write(file, b"").await {
        warn!(file = %file.display(), %error, "can't write the heartbeat file");
    }
}

impl Engine {
    /// One round: the messages of the steps whose time has come, then the ends that nobody has
    /// announced.
    pub async fn publish_all_due(&self) {
        self.publish_due().await;
        self.publish_ends().await;
    }

    async fn publish_due(&self) {
        let due = &self.config.due;
        let batch = i64::from(due.batch);
        // A full batch means that more is due.
        loop {
            let found = match self.around.ledger.due(batch, due.again_after).await {
                Ok(found) => found,
                Err(error) => {
                    warn!(error = chain(&error), "can't ask the ledger what is due");
                    return;
                }
            };
            let full = found.len() == due.batch as usize;
            stream::iter(found)
                .for_each_concurrent(WIDTH, |due| self.wake(due))
                .await;
            if !full {
                return;
            }
        }
    }

    /// A step that nobody has taken up since it began may never have been announced; otherwise
    /// its own message is enough.
    async fn wake(&self, due: Due) {
        let trace = TraceContext::new_root();
        let execution_id = due.step.execution_id;
        Point::DueTaken.passed(due.step.state, Some(execution_id));
        debug!(%execution_id, seq = due.step.seq, copies = due.copies, "step is due");
        let woken = if due.taken_up {
            self.send(self.step_message(due.step, due.failed_state, trace))
                .await
        } else {
            self.announce(execution_id, due.step.seq, trace).await
        };
        if let Err(error) = woken {
            warn!(%execution_id, error = chain(&error), "can't wake a step");
        }
    }

    async fn publish_ends(&self) {
        let batch = i64::from(self.config.due.batch);
        let ends = match self.around.ledger.unannounced_ends(END_GRACE, batch).await {
            Ok(ends) => ends,
            Err(error) => {
                warn!(
                    error = chain(&error),
                    "can't ask the ledger for ends to announce"
                );
                return;
            }
        };
        for end in ends {
            let execution_id = end.event.execution_id;
            if let Err(error) = self.publish(&end, TraceContext::new_root()).await {
                warn!(%execution_id, error = chain(&error), "can't announce an end");
            }
        }
    }
}
