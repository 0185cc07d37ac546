//! The loops that publish what the ledger says is due: delayed polls and retries, steps of
//! workers that died, messages that a broker lost, ends that nobody was told of. All are the same
//! case.

mod ends;
mod events;

use std::path::Path;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use ledger::{Due, LedgerError};
use schemas::TraceContext;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Engine;
use super::announce::AnnounceError;
use crate::outcome::chain;
use crate::points::Point;
use ends::Unreadable;

/// The messages of due steps that are on their way. One that can't be published keeps its place
/// and holds up no other. With a broker that takes nothing all places are kept, and no more steps
/// are taken from the ledger.
type Waking<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

/// Runs until `stop` is cancelled.
pub async fn run(engine: Engine, stop: CancellationToken) {
    tokio::select! {
        () = engine.wake_steps() => {}
        () = engine.announce_ends() => {}
        () = engine.publish_backlogs() => {}
        () = stop.cancelled() => {}
    }
}

/// Does something while the messages go on their way. They hold connections to Postgres: if nobody
/// polled them, whatever else needs one would wait for them in vain.
async fn meanwhile<T>(waking: &mut Waking<'_>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(()) = waking.next() => {}
        }
    }
}

/// The file's time of change says that the loop goes round, and that Postgres refuses nothing.
async fn beat(file: &Path) {
    if let Err(error) = tokio::fs::write(file, b"").await {
        warn!(file = %file.display(), %error, "can't write the heartbeat file");
    }
}

impl Engine {
    /// One round, to its end: the messages of the steps whose time has come, then the ends that
    /// nobody has announced, then the events that could not be published.
    pub async fn publish_all_due(&self) {
        let mut waking = Waking::new();
        let mut more = true;
        while more || !waking.is_empty() {
            if more {
                more = self.take_due(&mut waking).await;
            }
            waking.next().await;
        }
        self.announce_ends_once(&mut Unreadable::default()).await;
        self.publish_backlogs_once().await;
    }

    /// Never returns. A round takes as long as the ledger does to answer, and waits for no
    /// publish.
    async fn wake_steps(&self) {
        let mut ticks = self.ticks();
        let mut waking = Waking::new();
        let mut more = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    more = true;
                    if let Some(file) = &self.config.worker.heartbeat_file
                        && !self.is_refused()
                    {
                        meanwhile(&mut waking, beat(file)).await;
                    }
                }
                Some(()) = waking.next() => {}
            }
            if more {
                more = self.take_due(&mut waking).await;
            }
        }
    }

    /// Takes as many due steps as there are free places; whether there may be more.
    async fn take_due<'a>(&'a self, waking: &mut Waking<'a>) -> bool {
        let due = &self.config.due;
        let places = due.batch as usize;
        let free = places.saturating_sub(waking.len());
        // Not for each place that becomes free: half of them cost one statement as well.
        if 2 * free < places {
            return true;
        }
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let taken = self.around.ledger.due(limit, due.again_after);
        match meanwhile(waking, taken).await {
            Ok(found) => {
                self.due_refused.store(false, Ordering::Relaxed);
                let more = found.len() == free;
                waking.extend(found.into_iter().map(|due| self.wake(due).boxed()));
                more
            }
            Err(error) => {
                warn!(error = chain(&error), "can't ask the ledger what is due");
                self.due_refused
                    .store(error.is_for_good(), Ordering::Relaxed);
                false
            }
        }
    }

    /// Whether Postgres answers, and does not let this worker do its work. A server that is away is
    /// waited for; this takes somebody who changes something.
    fn is_refused(&self) -> bool {
        self.around.ledger.is_refused() || self.due_refused.load(Ordering::Relaxed)
    }

    /// A step that nobody has taken up since it began may never have been announced; otherwise
    /// its own message is enough.
    async fn wake(&self, due: Due) {
        let trace = TraceContext::new_root();
        let execution_id = due.step.execution_id;
        Point::DueTaken.passed(due.step.state, Some(execution_id));
        debug!(%execution_id, seq = due.step.seq, copies = due.copies, "step is due");
        let announced = match due.taken_up {
            true => None,
            false => Some(self.announce(execution_id, due.step.seq, trace).await),
        };
        let woken = match announced {
            // What can't be told must not hide the step: whoever claims it says what is wrong.
            None | Some(Err(AnnounceError::Ledger(LedgerError::Undecodable { .. }))) => {
                let message = self.step_message(due.step, due.failed_state, trace);
                self.send(message).await
            }
            Some(announced) => announced,
        };
        if let Err(error) = woken {
            warn!(%execution_id, error = chain(&error), "can't wake a step");
        }
    }

    fn ticks(&self) -> Interval {
        let mut ticks = interval(self.config.due.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }
}
