//! Ends that were recorded, and perhaps not announced.

use std::collections::HashMap;
use std::time::Duration;

use ledger::LedgerError;
use schemas::TraceContext;
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

use crate::engine::Engine;
use crate::outcome::chain;

/// How long after its recording the end of an execution is announced by someone else than the
/// worker that recorded it.
const GRACE: Duration = Duration::from_secs(30);
/// How many times `due.again_after` an end that can't be read is left alone.
const LEFT_ALONE: u32 = 10;

impl Engine {
    /// Never returns.
    pub(super) async fn announce_ends(&self) {
        let mut ticks = self.ticks();
        let mut unreadable = Unreadable::default();
        loop {
            ticks.tick().await;
            self.announce_ends_once(&mut unreadable).await;
        }
    }

    pub(super) async fn announce_ends_once(&self, unreadable: &mut Unreadable) {
        let ledger = &self.around.ledger;
        let batch = i64::from(self.config.due.batch);
        let except = unreadable.younger_than(self.config.due.again_after * LEFT_ALONE);
        let ends = match ledger.unannounced_ends(GRACE, batch, &except).await {
            Ok(ends) => ends,
            Err(error) => {
                warn!(error = chain(&error), "can't ask the ledger for ends");
                return;
            }
        };
        for end in ends {
            let told = match end {
                Ok(end) => self.publish(&end, TraceContext::new_root()).await,
                Err(error) => {
                    error!(%error, "an end can't be announced until its row is mended");
                    unreadable.note(&error);
                    continue;
                }
            };
            if let Err(error) = told {
                warn!(error = chain(&error), "can't announce an end");
            }
        }
    }
}

/// When ends were found that can't be read. They are looked at again later, and in nobody's way
/// meanwhile.
#[derive(Default)]
pub(super) struct Unreadable(HashMap<Uuid, Instant>);

impl Unreadable {
    fn note(&mut self, error: &LedgerError) {
        if let LedgerError::Undecodable { execution_id, .. } = error {
            self.0.insert(*execution_id, Instant::now());
        }
    }

    fn younger_than(&mut self, age: Duration) -> Vec<Uuid> {
        self.0.retain(|_, found| found.elapsed() < age);
        self.0.keys().copied().collect()
    }
}
