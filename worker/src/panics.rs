//! Panics: caught and logged; those of actions are counted as failed attempts.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use futures_util::FutureExt;
use tracing::error;

use crate::outcome::{Performed, Setback};

/// The longest message that is logged, in characters.
const LONGEST: usize = 200;

thread_local! {
    /// Where the last panic of this thread happened.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has panics leave their location behind, beside what else is done about them.
fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            let location = panic.location().map(ToString::to_string);
            LOCATION.with(|last| *last.borrow_mut() = location);
            others(panic);
        }));
    });
}

/// Awaits something; if it panics, the place of the panic, which is logged with its message.
pub(crate) async fn located<T>(work: impl Future<Output = T>) -> Result<T, String> {
    watch();
    // Nothing is shared with the work but what is safe to share with other threads, and locks
    // that are poisoned say so.
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|panic| {
            // A future is polled, and its panic caught, on one thread.
            let location = LOCATION.with(|last| last.borrow_mut().take());
            let location = location.unwrap_or_else(|| "a place unknown".to_owned());
            error!(location, message = message(&*panic), "a task panicked");
            location
        })
}

/// Awaits an action. If it panics, that is a failed attempt: what it noted in the ledger stays, and
/// the next attempt begins by observing, as after a crash.
pub(crate) async fn caught(action: impl Future<Output = Performed>) -> Performed {
    located(action).await.unwrap_or_else(|location| {
        Err(Setback::retry(format!(
            "the program has a fault: it panicked at {location}; report this with the \
             worker's log"
        )))
    })
}

/// The panic's message, without the value that the standard library quotes in some: it may hold
/// what a device sent.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("(no text)");
    let shown = text.split(['`', '"']).next().unwrap_or_default();
    shown.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::outcome::Progress;

    #[tokio::test]
    async fn when_an_action_panics_then_it_is_a_failed_attempt_that_names_the_place() {
        for late in [false, true] {
            let performed = caught(async {
                if late {
                    tokio::task::yield_now().await;
                }
                panic!("out of luck with {}", "`hunter2`");
            });
            let Err(Setback::Retry { cause, .. }) = performed.await else {
                panic!("not a failed attempt")
            };
            assert!(cause.contains("worker/src/panics.rs:"), "{cause}");
            assert!(!cause.contains("hunter2"), "{cause}");
        }
    }

    #[tokio::test]
    async fn when_an_action_returns_then_nothing_is_changed() {
        let performed = caught(async { Ok(Progress::wait("for rain")) }).await;
        assert!(matches!(performed, Ok(Progress::Waiting { why, .. }) if why == "for rain"));
    }

    #[test]
    fn when_a_message_quotes_a_value_then_the_value_is_not_shown() {
        let text = "byte index 1 is not a char boundary; it is inside 'é' of `hunter2`";
        let shown = message(&text.to_owned());
        assert!(shown.starts_with("byte index 1"));
        assert!(!shown.contains("hunter2"));
        assert_eq!(message(&7), "(no text)");
    }
}
