//! Who did not answer a moment ago, and is not waited for meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// More names than that are forgotten, the earliest first: they come from outside.
const MOST: usize = 1024;

/// Names of queues, each with the time until which it is not waited for.
#[derive(Debug, Default)]
pub(super) struct Silent(Mutex<HashMap<String, Instant>>);

impl Silent {
    /// This one is not waited for, for so long.
    pub(super) fn add(&self, name: &str, lasting: Duration) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| *until > now);
        if all.len() >= MOST
            && let Some(first) = all.iter().min_by_key(|(_, until)| **until)
        {
            let first = first.0.clone();
            all.remove(&first);
        }
        all.insert(name.to_owned(), now + lasting);
    }

    /// Whether this one is not to be waited for now.
    pub(super) fn has(&self, name: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).is_some_and(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn when_the_time_is_over_then_it_is_waited_for_again() {
        let silent = Silent::default();
        silent.add("a", Duration::from_secs(30));
        assert!(silent.has("a") && !silent.has("b"));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(!silent.has("a"));
    }

    #[test]
    fn when_there_are_too_many_then_the_earliest_is_forgotten() {
        let silent = Silent::default();
        for n in 0..=MOST {
            let lasting = Duration::from_secs(60 + n as u64);
            silent.add(&n.to_string(), lasting);
        }
        assert!(!silent.has("0") && silent.has("1"));
        assert!(silent.has(&MOST.to_string()));
    }
}
