//! Jittered exponential delays.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

static STEADY: AtomicBool = AtomicBool::new(false);

/// Takes chance out of every delay that is made in this process from now on: for simulations,
/// which must be repeatable.
pub fn without_jitter() {
    STEADY.store(true, Ordering::Relaxed);
}

/// A row of delays that doubles from `first` to `max`, each up to a half shorter or longer at
/// random, so that many who lost the same thing don't come back all at once.
#[derive(Debug)]
pub struct Delays {
    inner: ExponentialBackoff,
}

impl Delays {
    /// Delays that begin at about `first` and never exceed `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        let first = first.min(max);
        let steady = STEADY.load(Ordering::Relaxed);
        Self {
            inner: ExponentialBackoff {
                current_interval: first,
                initial_interval: first,
                max_interval: max,
                multiplier: 2.0,
                randomization_factor: if steady { 0.0 } else { 0.5 },
                max_elapsed_time: None,
                ..ExponentialBackoff::default()
            },
        }
    }

    /// The next delay.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so an Option would only be in the way"
    )]
    pub fn next(&mut self) -> Duration {
        let max = self.inner.max_interval;
        // None only with a limit on the elapsed time, and there is none.
        self.inner.next_backoff().unwrap_or(max).min(max)
    }

    /// Begins again at the first delay.
    pub fn reset(&mut self) {
        self.inner.reset();
    }
}

/// The delay before retry number `attempt`, counted from 1: for retries that are counted
/// elsewhere. About `first` doubled `attempt - 1` times, never more than `max`.
pub fn nth(first: Duration, max: Duration, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let about = first.saturating_mul(1 << doublings);
    Delays::new(about, max).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(1);

    /// Within a half of `about`, give or take the last nanosecond, and never above the bound.
    fn assert_near(delay: Duration, about: Duration) {
        let nanosecond = Duration::from_nanos(1);
        assert!(delay + nanosecond >= about / 2, "{delay:?}, not {about:?}");
        assert!(
            delay <= about * 3 / 2 + nanosecond,
            "{delay:?}, not {about:?}"
        );
        assert!(delay <= MAX, "{delay:?}");
    }

    #[test]
    fn delays_double_up_to_the_bound_and_begin_again() {
        let mut delays = Delays::new(FIRST, MAX);
        for _ in 0..2 {
            for about in [FIRST, FIRST * 2, FIRST * 4, FIRST * 8, MAX, MAX, MAX] {
                assert_near(delays.next(), about);
            }
            delays.reset();
        }
    }

    #[test]
    fn delays_differ() {
        let drawn: std::collections::HashSet<_> = (0..20).map(|_| nth(FIRST, MAX, 1)).collect();
        assert!(drawn.len() > 10, "{drawn:?}");
    }

    #[test]
    fn nth_counts_from_one_and_survives_any_number() {
        for _ in 0..100 {
            assert_near(nth(FIRST, MAX, 0), FIRST);
            assert_near(nth(FIRST, MAX, 1), FIRST);
            assert_near(nth(FIRST, MAX, 3), FIRST * 4);
            assert_near(nth(FIRST, MAX, 60), MAX);
            assert_near(nth(FIRST, MAX, u32::MAX), MAX);
        }
    }

    #[test]
    fn the_bound_wins_over_the_first_delay() {
        assert!(Delays::new(MAX * 10, MAX).next() <= MAX);
        assert!(nth(MAX * 10, MAX, 1) <= MAX);
        assert_eq!(nth(Duration::ZERO, Duration::ZERO, 5), Duration::ZERO);
    }
}
