//! Waiting for a condition, with a bound.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything in a test may take to come about.
pub(crate) const BOUND: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// How long many upgrades may take together. Seconds in `TPVM_TEST_PATIENCE` cut it short, for
/// tests that are to fail.
///
/// # Panics
/// If that is no number.
pub fn patience() -> Duration {
    const USUAL: Duration = Duration::from_secs(420);
    let given = std::env::var("TPVM_TEST_PATIENCE").ok();
    given.map_or(USUAL, |seconds| {
        Duration::from_secs(seconds.parse().unwrap())
    })
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none within a minute; `what` says what was waited for.
pub async fn until<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    until_within(BOUND, what, look).await
}

/// As [`until`], for what may take longer than a minute.
///
/// # Panics
/// If there is no answer within `bound`.
pub async fn until_within<T, F>(bound: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < bound, "{what}: not within {bound:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
