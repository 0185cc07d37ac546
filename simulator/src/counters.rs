//! What each switch and deployment received and did, so that a test can say "once".

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// How many calls a switch or deployment remembers.
const REMEMBERED: usize = 2_000;

/// One command or call, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// Its name, one of [`CALLS`](crate::CALLS).
    pub name: String,
    /// The command line, or the method and path; passwords are masked.
    pub text: String,
}

/// How often something was received and had its effect, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Commands or calls that arrived.
    pub received: BTreeMap<String, u64>,
    /// Commands or calls that changed something.
    pub effects: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Book {
    counts: Counts,
    calls: VecDeque<CallRecord>,
}

/// The books of one switch or deployment.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Book>);

impl Counters {
    pub(crate) fn received(&self, name: &str, text: String) {
        let mut book = self.lock();
        *book.counts.received.entry(name.to_owned()).or_default() += 1;
        if book.calls.len() == REMEMBERED {
            book.calls.pop_front();
        }
        book.calls.push_back(CallRecord {
            at: Utc::now(),
            name: name.to_owned(),
            text,
        });
    }

    pub(crate) fn effect(&self, name: &str) {
        *self
            .lock()
            .counts
            .effects
            .entry(name.to_owned())
            .or_default() += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.lock().calls.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
