//! Keeps a claim alive while its step goes on.

use std::time::Duration;

use ledger::{ClaimToken, Fenced, Ledger};
use tracing::warn;

use crate::outcome::chain;

/// Renews a claim until it is lost. Never returns while it is held.
///
/// A claim that could not be renewed in time counts as lost, even if the ledger has not said so:
/// it may be somebody else's already.
pub async fn keep(ledger: &Ledger, token: &ClaimToken, ttl: Duration) {
    let mut sure_until = tokio::time::Instant::now() + ttl;
    loop {
        tokio::time::sleep(ttl / 3).await;
        let asked = tokio::time::Instant::now();
        match tokio::time::timeout_at(sure_until, ledger.renew(token, ttl)).await {
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
