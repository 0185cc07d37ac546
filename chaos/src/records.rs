//! What the ledger has written, read by statements of our own: what is checked does not tell how
//! it is doing.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, FromRow};
use uuid::Uuid;

/// How long one reading may take. Postgres may be away for a while.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A way to the ledger's tables, past all proxies.
pub struct Records(PgPool);

/// One upgrade as the ledger has it.
#[derive(Clone, Debug, FromRow)]
pub struct Execution {
    pub id: Uuid,
    pub request_id: Uuid,
    pub seq: i32,
    pub state: String,
    pub failed_state: Option<String>,
    pub verdict: Option<String>,
    pub claimed_by: Option<String>,
    pub end_announced_at: Option<DateTime<Utc>>,
}

/// One move of an upgrade.
#[derive(Clone, Debug, FromRow)]
pub struct Move {
    pub execution_id: Uuid,
    pub seq: i32,
    pub from_state: String,
    pub to_state: String,
    pub outcome: String,
    pub upgrade_case: Option<String>,
    pub failure_cause: Option<String>,
    pub detail: Option<String>,
    pub verdict: Option<String>,
    pub worker: String,
    pub ended_at: DateTime<Utc>,
}

impl Records {
    pub fn connect(url: &str) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse().context("the database's URL is not valid")?;
        let options = options
            .application_name("chaos")
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self(pool))
    }

    /// Those that have ended, with their verdicts.
    pub async fn ended(&self, among: &[Uuid]) -> anyhow::Result<Vec<Uuid>> {
        let query = sqlx::query_scalar(
            "SELECT id FROM executions WHERE id = ANY ($1) AND verdict IS NOT NULL",
        );
        bounded(query.bind(among).fetch_all(&self.0)).await
    }

    /// Every upgrade.
    pub async fn executions(&self) -> anyhow::Result<Vec<Execution>> {
        let query = sqlx::query_as(
            "SELECT id, request_id, seq, state, failed_state, verdict, claimed_by, end_announced_at
             FROM executions ORDER BY id",
        );
        bounded(query.fetch_all(&self.0)).await
    }

    /// Every history, each in order.
    pub async fn histories(&self) -> anyhow::Result<HashMap<Uuid, Vec<Move>>> {
        let query = sqlx::query_as::<_, Move>(
            "SELECT execution_id, seq, from_state, to_state, outcome, upgrade_case, failure_cause,
                    detail, verdict, worker, ended_at
             FROM history ORDER BY execution_id, seq",
        );
        let mut histories: HashMap<Uuid, Vec<Move>> = HashMap::new();
        for row in bounded(query.fetch_all(&self.0)).await? {
            histories.entry(row.execution_id).or_default().push(row);
        }
        Ok(histories)
    }

    /// The unfinished upgrades that a worker holds; of all workers, if none is named.
    pub async fn held(&self, worker: Option<&str>) -> anyhow::Result<Vec<Uuid>> {
        let query = sqlx::query_scalar(
            "SELECT id FROM executions
             WHERE verdict IS NULL AND claimed_by IS NOT NULL AND ($1 IS NULL OR claimed_by = $1)",
        );
        bounded(query.bind(worker).fetch_all(&self.0)).await
    }

    /// The unfinished upgrades of these deployments.
    pub async fn unfinished(&self, deployments: &[String]) -> anyhow::Result<Vec<Uuid>> {
        let query = sqlx::query_scalar(
            "SELECT id FROM executions WHERE verdict IS NULL AND deployment = ANY ($1)",
        );
        bounded(query.bind(deployments).fetch_all(&self.0)).await
    }

    /// Id, step and state of one of the upgrades, the nth from any beginning.
    pub async fn nth_execution(&self, n: u32) -> anyhow::Result<Option<(Uuid, i32, String)>> {
        let query = sqlx::query_as(
            "SELECT id, seq, state FROM executions
             OFFSET (SELECT $1 % greatest(count(*), 1) FROM executions) LIMIT 1",
        );
        bounded(query.bind(i64::from(n)).fetch_optional(&self.0)).await
    }

    /// How many connections others have to this database.
    pub async fn foreign_connections(&self) -> anyhow::Result<i64> {
        let query = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name <> 'chaos'",
        );
        bounded(query.fetch_one(&self.0)).await
    }

    pub async fn close(&self) {
        self.0.close().await;
    }
}

async fn bounded<T>(query: impl Future<Output = Result<T, sqlx::Error>>) -> anyhow::Result<T> {
    let read = tokio::time::timeout(TIMEOUT, query).await;
    read.context("the ledger can't be read in time")?
        .context("the ledger can't be read")
}
