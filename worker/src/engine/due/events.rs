//! Events that could not be published when they happened: published again, in order for each
//! execution, while its upgrade goes on.
//!
//! The broker says that somebody's queue refused an event, and not whose; the other queues have it.
//! So the first event of a backlog is tried until it is confirmed, less and less often. In the first
//! seconds those after it wait, so that every listener gets all in order. After [`IN_ORDER`] each
//! of them is sent once nevertheless: one that refuses for that long does not keep the others
//! waiting, and may get some out of order when it takes messages again.

use std::time::Duration;

use futures_util::FutureExt;
use ledger::{Backlog, LedgerError, Published};
use schemas::TraceContext;
use tracing::{debug, error, warn};

use super::Waking;
use crate::engine::Engine;
use crate::engine::announce::{AnnounceError, Told};
use crate::outcome::chain;

/// For how long no event is sent before an earlier one of its execution is confirmed.
const IN_ORDER: Duration = Duration::from_secs(10);
/// At most so many events of one execution in one attempt; the others follow at once.
const AT_ONCE: i64 = 32;

impl Engine {
    /// Never returns.
    pub(super) async fn publish_backlogs(&self) {
        let mut ticks = self.ticks();
        let mut publishing = Waking::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => self.take_backlogs(&mut publishing).await,
                Some(()) = futures_util::StreamExt::next(&mut publishing) => {}
            }
        }
    }

    /// One round, to its end.
    pub(super) async fn publish_backlogs_once(&self) {
        let mut publishing = Waking::new();
        self.take_backlogs(&mut publishing).await;
        while futures_util::StreamExt::next(&mut publishing)
            .await
            .is_some()
        {}
    }

    /// Takes as many as there are free places.
    async fn take_backlogs<'a>(&'a self, publishing: &mut Waking<'a>) {
        let places = self.config.due.batch as usize;
        let free = places.saturating_sub(publishing.len());
        if free == 0 {
            return;
        }
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let taken = self.around.ledger.take_backlogs(limit);
        match super::meanwhile(publishing, taken).await {
            Ok(found) => {
                let publish = |backlog| self.publish_backlog(backlog).boxed();
                publishing.extend(found.into_iter().map(publish));
            }
            Err(error) => warn!(error = chain(&error), "can't ask the ledger for events"),
        }
    }

    async fn publish_backlog(&self, backlog: Backlog) {
        let execution_id = backlog.execution_id;
        match self.try_backlog(&backlog).await {
            Ok(()) => {}
            Err(AnnounceError::Ledger(LedgerError::Undecodable { .. })) => {
                error!(%execution_id, "events can't be published until a row is repaired");
            }
            Err(error) => {
                warn!(%execution_id, error = chain(&error), "can't publish events again");
            }
        }
    }

    async fn try_backlog(&self, backlog: &Backlog) -> Result<(), AnnounceError> {
        let ledger = &self.around.ledger;
        let (id, from) = (backlog.execution_id, backlog.from);
        let waiting = ledger.transitions_from(id, from, AT_ONCE).await?;
        let in_order = backlog.failing_for < IN_ORDER.as_secs_f64();
        let mut published = Published {
            confirmed_to: from - 1,
            sent_to: backlog.sent_to,
            refused: false,
        };
        for transitioned in &waiting {
            let event = &transitioned.event;
            if published.refused && event.seq <= published.sent_to {
                continue;
            }
            let told = self.tell_now(event, TraceContext::new_root()).await?;
            if told != Told::Unsent {
                published.sent_to = published.sent_to.max(event.seq);
            }
            match told {
                Told::Confirmed if published.refused => break,
                Told::Confirmed => published.confirmed_to = event.seq,
                Told::Refused if !in_order && published.confirmed_to < from => {
                    published.refused = true;
                }
                // Without any answer, nobody may have it: no later one goes first.
                Told::Refused | Told::Unsent => {
                    published.refused = true;
                    break;
                }
            }
        }
        debug!(execution_id = %id, from, ?published, "published events again");
        if published.confirmed_to >= from || published.sent_to > backlog.sent_to {
            ledger.events_published(backlog, published).await?;
        }
        Ok(())
    }
}
