//! How the EFA monitor sees one node: late.

use std::time::Duration;

use tokio::time::Instant;

/// Whether the monitor shows a node as up, as a function of time.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    /// Shown as up until then, though its EFA is gone.
    stale_until: Option<Instant>,
    /// Shown as up from then on.
    up_from: Option<Instant>,
}

impl Health {
    pub(crate) fn up(now: Instant) -> Self {
        Self {
            stale_until: None,
            up_from: Some(now),
        }
    }

    pub(crate) fn down() -> Self {
        Self {
            stale_until: None,
            up_from: None,
        }
    }

    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.stale_until.is_some_and(|until| now < until)
            || self.up_from.is_some_and(|from| now >= from)
    }

    /// The node's EFA goes away; the monitor notices `stale` after `end`.
    pub(crate) fn lose(&mut self, now: Instant, end: Instant, stale: Duration) {
        self.stale_until = self.is_up(now).then_some(end + stale);
        self.up_from = None;
    }

    /// The node's EFA is there again, from `from` on.
    pub(crate) fn regain(&mut self, from: Instant) {
        self.up_from = Some(from);
    }
}
