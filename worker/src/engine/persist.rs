//! Postgres or RabbitMQ away for a while: what is at hand is tried again until they return.

use std::future::Future;
use std::time::Duration;

use broker::PublishError;
use ledger::LedgerError;
use tracing::warn;

use super::Engine;
use crate::outcome::chain;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The worker is being stopped and no longer waits.
#[derive(Debug)]
pub struct Halted;

/// An error that may pass.
pub trait Passing: std::error::Error {
    /// Whether trying again can help.
    fn passes(&self) -> bool;
}

impl Passing for LedgerError {
    fn passes(&self) -> bool {
        self.is_transient()
    }
}

impl Passing for PublishError {
    fn passes(&self) -> bool {
        self.is_transient()
    }
}

impl Engine {
    /// Does something until it works, fails for good, or the worker is stopped. Back pressure is
    /// the message that is held meanwhile.
    pub(super) async fn persist<T, E, F>(
        &self,
        what: &'static str,
        attempt: impl FnMut() -> F,
    ) -> Result<Result<T, E>, Halted>
    where
        E: Passing,
        F: Future<Output = Result<T, E>>,
    {
        tokio::select! {
            biased;
            settled = until_settled(what, attempt) => Ok(settled),
            () = self.halt.cancelled() => Err(Halted),
        }
    }
}

/// Does something until it works or fails for good. Whoever awaits it sees to its end.
pub(crate) async fn until_settled<T, E, F>(
    what: &'static str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, E>
where
    E: Passing,
    F: Future<Output = Result<T, E>>,
{
    let mut tries = 0_u32;
    loop {
        match attempt().await {
            Err(error) if error.passes() => {
                warn!(
                    what,
                    tries,
                    error = chain(&error),
                    "not possible now, trying again"
                );
            }
            settled => return settled,
        }
        tokio::time::sleep(broker::delay::nth(FIRST_DELAY, MAX_DELAY, tries)).await;
        tries = tries.saturating_add(1);
    }
}
