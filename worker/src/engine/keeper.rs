//! Keeps a claim alive while its step goes on.

use std::time::Duration;

use ledger::{ClaimToken, Fenced, Ledger};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::outcome::chain;

/// Renews a claim until it is lost. Never returns while it is held. Its time counts from the moment
/// at which it was `asked` for: when Postgres granted it, on the way to the answer, is not known.
///
/// A claim that could not be renewed in time counts as lost, even if the ledger has not said so:
/// it may be somebody else's already.
pub async fn keep(ledger: &Ledger, token: &ClaimToken, asked: Instant, ttl: Duration) {
    let mut sure_until = asked + ttl;
    let mut next = asked + ttl / 3;
    loop {
        tokio::time::sleep_until(next).await;
        let asked = Instant::now();
        next = asked + ttl / 3;
        match timeout_at(sure_until, ledger.renew(token, ttl)).await {
            Ok(Ok(Fenced::Done)) => sure_until = asked + ttl,
            Ok(Ok(Fenced::Stale)) => return,
            Ok(Err(error)) => {
                warn!(error = chain(&error), "can't renew a claim");
                if asked >= sure_until {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
