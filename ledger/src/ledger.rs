//! The handle that everyone else uses.

mod efa_db;
mod reports;

use std::sync::Arc;
use std::time::Duration;

use schemas::UpgradeRequest;
use uuid::Uuid;

use crate::claimant::Question;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{
    Acceptance, Backlog, Claim, ClaimToken, Due, Fenced, Postponed, Published, StepRef, Transition,
    Transitioned, Wait,
};
use crate::facts::Facts;
use crate::lanes::Lanes;
use crate::schema;
use crate::sql::accept::Accept;
use crate::sql::backlog::DeferEvent;
use crate::sql::claim::ClaimStep;
use crate::sql::note::Note;
use crate::sql::record::Record;
use crate::sql::renew::RenewClaim;
use crate::sql::wait::Waiting;
use crate::sql::{backlog, due, outlived, postpone, transitions};
use crate::values::json;
use crate::weather::Weather;

/// How the ledger uses Postgres.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// At most so many connections; 8 by default. Each kind of write uses one at a time.
    pub max_connections: u32,
    /// How long to wait for a connection, a new one or a free one; 10 s by default.
    pub connect_timeout: Duration,
    /// How long [`Ledger::connect`] tries again while Postgres is not there yet; 10 s by default.
    pub wait_for_server: Duration,
    /// How long one statement may take; 30 s by default.
    pub statement_timeout: Duration,
    /// At most so many items in one statement; 256 by default.
    pub max_batch: usize,
    /// What a simulation does to the way to Postgres; none by default.
    pub weather: Option<Arc<dyn Weather>>,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            max_connections: 8,
            connect_timeout: Duration::from_secs(10),
            wait_for_server: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            max_batch: 256,
            weather: None,
        }
    }
}

/// The ledger. Cheap to clone; all clones share connections and tasks, which end with
/// [`Ledger::close`] or with the last clone.
///
/// Whatever is asked for at the same time is carried out together, in one statement for each kind
/// of write. All times are by Postgres' clock. Every call may fail with
/// [`LedgerError::Unavailable`], [`LedgerError::Database`] and [`LedgerError::Closed`].
#[derive(Clone, Debug)]
pub struct Ledger {
    db: Db,
    lanes: Arc<Lanes>,
}

impl Ledger {
    /// Connects to Postgres; must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a URL that can't be used, and [`LedgerError::Unreachable`].
    pub async fn connect(url: &str, options: &LedgerOptions) -> Result<Ledger, LedgerError> {
        let db = Db::connect(url, options).await?;
        let lanes = Arc::new(Lanes::start(&db, options.max_batch));
        Ok(Ledger { db, lanes })
    }

    /// Applies the migrations that the database lacks. Many may call it at the same time.
    ///
    /// # Errors
    /// [`LedgerError::Migration`].
    pub async fn migrate(&self) -> Result<(), LedgerError> {
        schema::migrate(&self.db).await
    }

    /// Whether the database has every migration that this program was built with. Later ones do
    /// not matter.
    ///
    /// # Errors
    /// [`LedgerError::SchemaOutdated`] if not.
    pub async fn check_schema(&self) -> Result<(), LedgerError> {
        schema::check(&self.db).await
    }

    /// The versions of the database's migrations that this program does not know.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn newer_migrations(&self) -> Result<Vec<i64>, LedgerError> {
        schema::newer(&self.db).await
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn ping(&self) -> Result<(), LedgerError> {
        schema::ping(&self.db).await
    }

    /// Whether Postgres answers, and does not let us in: since it was connected, the password was
    /// changed, the permission withdrawn, the database renamed. Calls wait for that as for a server
    /// that is away, but a person has to act on it.
    pub fn is_refused(&self) -> bool {
        self.db.pool.are_refused()
    }

    /// Carries out what was asked for, ends the tasks and closes the connections. Every later
    /// call, on any clone, is [`LedgerError::Closed`].
    pub async fn close(self) {
        self.lanes.close().await;
        self.db.pool.close();
    }

    /// Returns when a task of the ledger has ended that was not closed, by a panic: what it did can't
    /// be asked for any more, and the process has to be started again.
    pub async fn failed(&self) {
        self.lanes.failed.cancelled().await;
    }

    /// Accepts a request: inserts its execution, in the first acting state, and the first row of
    /// history. Asking again for the same request finds the same execution. Unless the caller
    /// publishes the first step, the ledger is due to do so `first_wake` from now.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn accept(
        &self,
        request: &UpgradeRequest,
        first_wake: Duration,
    ) -> Result<Acceptance, LedgerError> {
        let request = request.clone();
        let item = Accept {
            request,
            first_wake,
        };
        self.lanes.accept.submit(item).await
    }

    /// Takes a step for `ttl`, unless somebody else holds it or it is not the current one. Claims
    /// do not count as attempts.
    ///
    /// # Errors
    /// [`LedgerError::Undecodable`] for a state that this program does not know.
    pub async fn claim(
        &self,
        step: &StepRef,
        question: Question,
        ttl: Duration,
    ) -> Result<Claim, LedgerError> {
        let item = ClaimStep {
            step: *step,
            question,
            ttl,
        };
        self.lanes.claim.submit(item).await
    }

    /// Makes a claim last for `ttl` from now.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn renew(&self, token: &ClaimToken, ttl: Duration) -> Result<Fenced, LedgerError> {
        let item = RenewClaim { token: *token, ttl };
        self.lanes.renew.submit(item).await
    }

    /// Writes facts while the claim is held (an intent before a command, say), and makes the
    /// claim last for `ttl` from now.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn note(
        &self,
        token: &ClaimToken,
        facts: &Facts,
        ttl: Duration,
    ) -> Result<Fenced, LedgerError> {
        let item = Note {
            token: *token,
            facts: json(facts),
            ttl,
        };
        self.lanes.note.submit(item).await
    }

    /// Moves the execution along one arrow of the workflow, adds the row of history and ends the
    /// claim, all at once.
    ///
    /// # Errors
    /// [`LedgerError::Database`] for a transition that contradicts itself: a verdict without the
    /// last state or the other way round, a success with a failed state, a failure without one.
    pub async fn record(
        &self,
        token: &ClaimToken,
        transition: &Transition,
    ) -> Result<Fenced, LedgerError> {
        let transition = transition.clone();
        let item = Record {
            token: *token,
            transition,
        };
        self.lanes.record.submit(item).await
    }

    /// Hands the step back until later.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn wait(&self, token: &ClaimToken, wait: &Wait) -> Result<Fenced, LedgerError> {
        let wait = wait.clone();
        let item = Waiting {
            token: *token,
            wait,
        };
        self.lanes.wait.submit(item).await
    }

    /// Puts off a step that can't be carried out until somebody mends its row: the problem becomes
    /// its detail, which operators see, and the claim ends. It is due after `again_after`, and
    /// then less and less often (after 64 times as long at the most) as long as the problem stays
    /// the same.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn postpone(
        &self,
        token: &ClaimToken,
        problem: &str,
        again_after: Duration,
    ) -> Result<Postponed, LedgerError> {
        postpone::postpone(&self.db, token, problem, again_after).await
    }

    /// A claim was lost, and its holder lives: it does not count in [`HeldStep::deaths`].
    ///
    /// # Errors
    /// See [`Ledger`].
    ///
    /// [`HeldStep::deaths`]: crate::HeldStep::deaths
    pub async fn outlived(&self, token: &ClaimToken) -> Result<(), LedgerError> {
        outlived::outlived(&self.db, token).await
    }

    /// Takes at most `limit` steps whose time has come, the longest due first, for their messages
    /// to be published. Each is given to one caller only, and is due again after `again_after`,
    /// doubled with each time that nobody claims it (up to 64 times as long).
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn due(&self, limit: i64, again_after: Duration) -> Result<Vec<Due>, LedgerError> {
        due::take(&self.db, limit, again_after).await
    }

    /// Move `seq` of an execution with all that is to be published about it; `None` if it has not
    /// been made.
    ///
    /// # Errors
    /// [`LedgerError::Undecodable`].
    pub async fn transition(
        &self,
        execution_id: Uuid,
        seq: i32,
    ) -> Result<Option<Transitioned>, LedgerError> {
        transitions::one(&self.db, execution_id, seq).await
    }

    /// The last moves of at most `limit` executions that ended longer ago than `older_than`
    /// without [`Ledger::end_announced`], the earliest first, without those of `except`. One that
    /// can't be read is [`LedgerError::Undecodable`] in its place.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn unannounced_ends(
        &self,
        older_than: Duration,
        limit: i64,
        except: &[Uuid],
    ) -> Result<Vec<Result<Transitioned, LedgerError>>, LedgerError> {
        transitions::unannounced_ends(&self.db, older_than, limit, except).await
    }

    /// The event of the execution's end was published. Says nothing of one that has not ended.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn end_announced(&self, execution_id: Uuid) -> Result<(), LedgerError> {
        self.lanes.end_announced.submit(execution_id).await
    }

    /// Event `seq` of an execution could not be published: it, and all after it, are left to whoever
    /// [takes the backlog](Ledger::take_backlogs). `sent` says that it was refused, and so that those
    /// who did not refuse it have it.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn defer_events(
        &self,
        execution_id: Uuid,
        seq: i32,
        sent: bool,
    ) -> Result<(), LedgerError> {
        let item = DeferEvent {
            execution_id,
            seq,
            sent,
        };
        self.lanes.defer.submit(item).await
    }

    /// Takes at most `limit` executions with events to be published again, the longest due first.
    /// Each is given to one caller only, and is due again after a second or a quarter of the time
    /// that it has been failing, 10 minutes at the most.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn take_backlogs(&self, limit: i64) -> Result<Vec<Backlog>, LedgerError> {
        backlog::take(&self.db, limit).await
    }

    /// At most `limit` moves of an execution from `from` on.
    ///
    /// # Errors
    /// [`LedgerError::Undecodable`].
    pub async fn transitions_from(
        &self,
        execution_id: Uuid,
        from: i32,
        limit: i64,
    ) -> Result<Vec<Transitioned>, LedgerError> {
        transitions::since(&self.db, execution_id, from, limit).await
    }

    /// Notes what was published of a backlog; with the last event of an execution that has ended,
    /// its end is announced. Says nothing of a backlog that others have changed meanwhile.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn events_published(
        &self,
        backlog: &Backlog,
        published: Published,
    ) -> Result<(), LedgerError> {
        backlog::advance(&self.db, backlog, published).await
    }
}
