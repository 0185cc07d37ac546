#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;

/// Echoes its items once it is let; keeps the batches it was given.
#[derive(Clone)]
struct Echo {
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
    permits: Arc<Semaphore>,
    failures: Arc<AtomicUsize>,
}

/// An item that the statement refuses with the whole batch.
const BAD: u32 = 13;
/// An item that the statement panics over.
const WORSE: u32 = 14;

impl Echo {
    fn new() -> Self {
        Self {
            batches: Arc::default(),
            permits: Arc::new(Semaphore::new(0)),
            failures: Arc::default(),
        }
    }

    /// Lets any number of batches through.
    fn open(&self) {
        self.permits.add_permits(1_000);
    }

    fn batches(&self) -> Vec<Vec<u32>> {
        self.batches.lock().unwrap().clone()
    }
}

impl Statement for Echo {
    type Item = u32;
    type Key = u32;
    type Output = u32;

    fn key(item: &u32) -> u32 {
        item % 1_000
    }

    async fn run(&self, items: &[u32]) -> Result<Vec<Result<u32, LedgerError>>, LedgerError> {
        self.batches.lock().unwrap().push(items.to_vec());
        self.permits.acquire().await.unwrap().forget();
        if self.failures.load(Ordering::SeqCst) > 0 {
            self.failures.fetch_sub(1, Ordering::SeqCst);
            let error = sqlx::Error::Io(io::Error::other("gone"));
            return Err(LedgerError::from(error));
        }
        assert!(!items.contains(&WORSE), "a defect");
        if items.contains(&BAD) {
            return Err(LedgerError::Invalid("13".to_owned()));
        }
        Ok(items.iter().map(|item| Ok(*item)).collect())
    }
}

/// Waits, within a bound, until a condition holds.
async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait)
        .await
        .expect("the condition holds in time");
}

/// Asks for items in this order, while a first batch of item 0 is on its way.
async fn ask(
    lane: &Arc<Lane<Echo>>,
    echo: &Echo,
    items: &[u32],
) -> JoinSet<(u32, Result<u32, LedgerError>)> {
    let mut asked = JoinSet::new();
    for item in std::iter::once(0).chain(items.iter().copied()) {
        let submitter = Arc::clone(lane);
        let free = lane.entries.capacity();
        asked.spawn(async move { (item, submitter.submit(item).await) });
        if item == 0 {
            until(|| echo.batches().len() == 1).await;
        } else {
            until(|| lane.entries.capacity() < free).await;
        }
    }
    asked
}

#[tokio::test]
async fn what_waits_goes_together_up_to_the_limit() {
    let echo = Echo::new();
    let lane = Arc::new(Lane::start(echo.clone(), 3, CancellationToken::new()));
    let asked = ask(&lane, &echo, &[1, 2, 3, 4]).await;
    echo.open();
    for (item, result) in asked.join_all().await {
        assert_eq!(result.unwrap(), item);
    }
    assert_eq!(echo.batches(), [vec![0], vec![1, 2, 3], vec![4]]);
}

#[tokio::test]
async fn items_that_would_meet_go_one_after_the_other() {
    let echo = Echo::new();
    let lane = Arc::new(Lane::start(echo.clone(), 10, CancellationToken::new()));
    let asked = ask(&lane, &echo, &[1, 2, 1_001, 2_001, 3]).await;
    echo.open();
    asked.join_all().await;
    let expected = [vec![0], vec![1, 2, 3], vec![1_001], vec![2_001]];
    assert_eq!(echo.batches(), expected);
}

#[tokio::test]
async fn a_bad_item_is_set_apart() {
    let echo = Echo::new();
    let lane = Arc::new(Lane::start(echo.clone(), 10, CancellationToken::new()));
    let asked = ask(&lane, &echo, &[1, BAD, 2]).await;
    echo.open();
    for (item, result) in asked.join_all().await {
        assert_eq!(result.is_err(), item == BAD, "{item}: {result:?}");
    }
    let expected = [vec![0], vec![1, BAD, 2], vec![1], vec![BAD], vec![2]];
    assert_eq!(echo.batches(), expected);
}

#[tokio::test]
async fn a_lost_connection_fails_a_batch_at_once() {
    let echo = Echo::new();
    let lane = Arc::new(Lane::start(echo.clone(), 10, CancellationToken::new()));
    echo.failures.store(2, Ordering::SeqCst);
    let asked = ask(&lane, &echo, &[1, 2]).await;
    echo.open();
    for (item, result) in asked.join_all().await {
        assert!(result.unwrap_err().is_transient(), "{item}");
    }
    assert_eq!(echo.batches(), [vec![0], vec![1, 2]]);
}

#[tokio::test]
async fn what_was_given_up_is_left_out() {
    let echo = Echo::new();
    let lane = Arc::new(Lane::start(echo.clone(), 10, CancellationToken::new()));
    let mut asked = ask(&lane, &echo, &[1, 2]).await;
    let given_up = tokio::spawn({
        let lane = Arc::clone(&lane);
        async move { lane.submit(3).await }
    });
    let free = lane.entries.capacity();
    until(|| lane.entries.capacity() < free || given_up.is_finished()).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    echo.open();
    while let Some(result) = asked.join_next().await {
        let (item, result) = result.unwrap();
        assert_eq!(result.unwrap(), item);
    }
    assert_eq!(echo.batches(), [vec![0], vec![1, 2]]);
}

#[tokio::test]
async fn closing_carries_out_what_waits_and_takes_nothing_more() {
    let echo = Echo::new();
    let lane = Arc::new(Lane::start(echo.clone(), 10, CancellationToken::new()));
    let asked = ask(&lane, &echo, &[1, 2]).await;
    let closing = tokio::spawn({
        let lane = Arc::clone(&lane);
        async move { lane.close().await }
    });
    until(|| *lane.closing.borrow()).await;
    echo.open();
    closing.await.unwrap();
    for (item, result) in asked.join_all().await {
        assert_eq!(result.unwrap(), item);
    }
    assert!(matches!(lane.submit(4).await, Err(LedgerError::Closed)));
    lane.close().await;
}

#[tokio::test]
async fn a_dropped_lane_ends_its_task() {
    let echo = Echo::new();
    let lane = Lane::start(echo.clone(), 10, CancellationToken::new());
    assert_eq!(Arc::strong_count(&echo.batches), 2);
    drop(lane);
    until(|| Arc::strong_count(&echo.batches) == 1).await;
}

#[tokio::test]
async fn when_a_statement_panics_then_the_lane_says_that_it_has_ended() {
    let echo = Echo::new();
    echo.open();
    let ended = CancellationToken::new();
    let lane = Lane::start(echo, 10, ended.clone());
    assert_eq!(lane.submit(1).await.unwrap(), 1);
    assert!(!ended.is_cancelled());
    for item in [WORSE, 2] {
        let result = lane.submit(item).await;
        assert!(matches!(result, Err(LedgerError::Closed)), "{result:?}");
    }
    until(|| ended.is_cancelled()).await;
}

#[tokio::test]
async fn when_a_lane_is_closed_or_dropped_then_it_has_not_failed() {
    for close in [true, false] {
        let echo = Echo::new();
        echo.open();
        let ended = CancellationToken::new();
        let lane = Lane::start(echo.clone(), 10, ended.clone());
        assert_eq!(lane.submit(1).await.unwrap(), 1);
        if close {
            lane.close().await;
        }
        drop(lane);
        // The task holds the other clone.
        until(|| Arc::strong_count(&echo.batches) == 1).await;
        assert!(!ended.is_cancelled());
    }
}
