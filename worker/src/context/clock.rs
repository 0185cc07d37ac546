//! Postgres' clock, as far as a worker can know it.

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// What Postgres said its time was, which it did at some moment between the question and the
/// answer. From there on the monotonic clock counts.
pub(super) struct PostgresClock {
    said: DateTime<Utc>,
    asked: Instant,
    answered: Instant,
}

impl PostgresClock {
    /// The answer has come just now.
    pub(super) fn told(said: DateTime<Utc>, asked: Instant) -> Self {
        Self {
            said,
            asked,
            answered: Instant::now(),
        }
    }

    /// Its time now, at the earliest: as if it had said so when the answer came.
    pub(super) fn earliest(&self) -> DateTime<Utc> {
        self.said + self.answered.elapsed()
    }

    /// Its time at a moment, at the latest: as if it had said so when it was asked.
    pub(super) fn latest(&self, moment: Instant) -> DateTime<Utc> {
        self.said + moment.duration_since(self.asked)
    }
}
