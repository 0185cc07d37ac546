//! Asked for one by one, carried out together.
//!
//! A lane is one task for one kind of statement. It takes everything that is waiting, up to a
//! limit, and carries it out as one statement; what arrives meanwhile is the next batch. There is
//! no timer: at idle a batch holds one item, under load batches grow by themselves.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::LedgerError;

/// How often a batch is repeated that Postgres undid in favour of another transaction.
const MAX_CONFLICTS: usize = 5;

/// One kind of statement that carries out many items at once.
pub(crate) trait Statement: Send + Sync + 'static {
    /// What is asked for.
    type Item: Send + Sync + 'static;
    /// What two items of one batch must not share: what would make them meet in one row.
    type Key: Eq + Hash + Send;
    /// What one item results in.
    type Output: Send + 'static;

    /// See [`Statement::Key`].
    fn key(item: &Self::Item) -> Self::Key;

    /// Carries out the items, each with its own result, in the order given. An error is that of
    /// all of them, and carrying an item out again after it must do no harm.
    fn run(
        &self,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Result<Self::Output, LedgerError>>, LedgerError>> + Send;
}

type Reply<S> = oneshot::Sender<Result<<S as Statement>::Output, LedgerError>>;

struct Entry<S: Statement> {
    item: S::Item,
    reply: Reply<S>,
}

/// The way to a lane's task. The task ends when it is closed, or when the lane is dropped.
pub(crate) struct Lane<S: Statement> {
    entries: mpsc::Sender<Entry<S>>,
    closing: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl<S: Statement> fmt::Debug for Lane<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

impl<S: Statement> Lane<S> {
    /// Starts a lane; must be called inside a Tokio runtime.
    ///
    /// `ended` is cancelled when its task ends without having been closed, by a panic or a defect:
    /// then every later item is [`LedgerError::Closed`].
    pub(crate) fn start(statement: S, max_batch: usize, ended: CancellationToken) -> Self {
        let max_batch = max_batch.max(1);
        let (entries, receiver) = mpsc::channel(2 * max_batch);
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(async move {
            let ended = ended.drop_guard();
            serve(statement, max_batch, receiver, closed.clone()).await;
            // Closed, or nobody is left to ask.
            if *closed.borrow() || closed.has_changed().is_err() {
                ended.disarm();
            }
        });
        Self {
            entries,
            closing,
            task: Mutex::new(Some(task)),
        }
    }

    /// Carries out one item together with what else is waiting. Whoever drops the future gives
    /// the item up: it may or may not be carried out, and no other item is concerned.
    pub(crate) async fn submit(&self, item: S::Item) -> Result<S::Output, LedgerError> {
        let (reply, result) = oneshot::channel();
        self.entries
            .send(Entry { item, reply })
            .await
            .map_err(|_| LedgerError::Closed)?;
        result.await.map_err(|_| LedgerError::Closed)?
    }

    /// Carries out what is waiting, takes nothing more, and ends the task.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "a lane of the ledger ended in a panic");
        }
    }
}

async fn serve<S: Statement>(
    statement: S,
    max_batch: usize,
    mut receiver: mpsc::Receiver<Entry<S>>,
    mut closed: watch::Receiver<bool>,
) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let mut arrived = Vec::new();
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed), if !receiver.is_closed() => {
                    receiver.close();
                    continue;
                }
                taken = receiver.recv_many(&mut arrived, max_batch) => {
                    if taken == 0 {
                        return;
                    }
                }
            }
            waiting.extend(arrived);
        }
        while waiting.len() < max_batch
            && let Ok(entry) = receiver.try_recv()
        {
            waiting.push_back(entry);
        }
        let (items, replies) = take_batch::<S>(&mut waiting, max_batch);
        if !items.is_empty() {
            carry_out(&statement, items, replies).await;
        }
    }
}

/// Takes what can go into one statement, in the order of arrival: the first item of each key
/// that somebody still waits for. The rest stays for the next.
fn take_batch<S: Statement>(
    waiting: &mut VecDeque<Entry<S>>,
    max_batch: usize,
) -> (Vec<S::Item>, Vec<Reply<S>>) {
    let mut keys = HashSet::new();
    let (mut items, mut replies) = (Vec::new(), Vec::new());
    for entry in std::mem::take(waiting) {
        if entry.reply.is_closed() {
            continue;
        }
        if items.len() < max_batch && keys.insert(S::key(&entry.item)) {
            items.push(entry.item);
            replies.push(entry.reply);
        } else {
            waiting.push_back(entry);
        }
    }
    (items, replies)
}

async fn carry_out<S: Statement>(statement: &S, items: Vec<S::Item>, replies: Vec<Reply<S>>) {
    let statement_type = std::any::type_name::<S>();
    tracing::trace!(
        statement = statement_type,
        items = items.len(),
        "carrying out a batch"
    );
    match repeat_conflicts(statement, &items).await {
        Ok(results) => {
            for (reply, result) in replies.into_iter().zip(results) {
                answer::<S>(reply, result);
            }
        }
        Err(error) if items.len() == 1 || error.is_transient() => {
            for reply in replies {
                answer::<S>(reply, Err(error.clone()));
            }
        }
        Err(error) => {
            tracing::warn!(items = items.len(), %error, "one item spoils a batch; going one by one");
            for (item, reply) in items.into_iter().zip(replies) {
                let result = repeat_conflicts(statement, std::slice::from_ref(&item)).await;
                answer::<S>(reply, result.and_then(only));
            }
        }
    }
}

/// The result of a batch of one.
fn only<T>(results: Vec<Result<T, LedgerError>>) -> Result<T, LedgerError> {
    results
        .into_iter()
        .next()
        .unwrap_or(Err(LedgerError::Closed))
}

/// Whoever gave up meanwhile misses the result; nobody else is concerned.
fn answer<S: Statement>(reply: Reply<S>, result: Result<S::Output, LedgerError>) {
    let _ = reply.send(result);
}

async fn repeat_conflicts<S: Statement>(
    statement: &S,
    items: &[S::Item],
) -> Result<Vec<Result<S::Output, LedgerError>>, LedgerError> {
    let mut conflicts = 0;
    loop {
        match statement.run(items).await {
            Err(error) if error.lost_a_conflict() && conflicts < MAX_CONFLICTS => {
                conflicts += 1;
                tracing::debug!(conflicts, items = items.len(), "repeating a batch");
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
