//! The schedules' database, whose clock is the driver's.

use std::time::Duration;

use ledger::{Ledger, LedgerOptions};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool, Row};
use uuid::Uuid;

/// When every schedule begins, in seconds of the Unix epoch: 2030-01-01.
const BEGINNING: i64 = 1_893_456_000;

/// A schema with a `now()` of its own, found before Postgres' own one. A sequence holds the time
/// in microseconds: what is set is seen at once by every session. Planning must not depend on
/// when statistics were last collected, or else the order of rows would.
const CLOCK: &str = "
    CREATE SCHEMA clock;
    CREATE SEQUENCE clock.micros MINVALUE 0;
    CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
        'SELECT to_timestamp(last_value / 1000000.0) FROM clock.micros';
";

/// See the module.
pub(crate) struct Database {
    services: services::Database,
    pub(crate) pool: PgPool,
    /// What Postgres' clock shows.
    set: Option<i64>,
}

impl Database {
    /// Makes an empty database with all migrations on the server of `url`.
    pub(crate) async fn new(url: &str) -> anyhow::Result<Self> {
        let services = services::database_on(url).await?;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect(services.url())
            .await?;
        let name: String = sqlx::query_scalar("SELECT current_database()")
            .fetch_one(&pool)
            .await?;
        sqlx::raw_sql(CLOCK).execute(&pool).await?;
        for setting in [
            // New tables go to the first schema, functions come from the first that has them.
            "search_path = public, clock, pg_catalog",
            // Nothing here has to survive a crash of the machine.
            "synchronous_commit = off",
        ] {
            let sql = format!("ALTER DATABASE {name} SET {setting}");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await?;
        }
        pool.close().await;
        let mut database = Self {
            pool: PgPoolOptions::new()
                .max_connections(1)
                .test_before_acquire(false)
                .connect(services.url())
                .await?,
            services,
            set: None,
        };
        database.set_clock(Duration::ZERO, 0).await?;
        let ledger = Ledger::connect(database.url(), &LedgerOptions::default()).await?;
        ledger.migrate().await?;
        ledger.close().await;
        for table in ["executions", "history", "devices", "tpvm_configs"] {
            let sql = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&database.pool)
                .await?;
        }
        Ok(database)
    }

    pub(crate) fn url(&self) -> &str {
        self.services.url()
    }

    /// Empties the tables and sets the clock back.
    pub(crate) async fn begin(&mut self) -> anyhow::Result<()> {
        self.set_clock(Duration::ZERO, 0).await?;
        sqlx::raw_sql(
            "TRUNCATE history, executions, tpvm_configs, devices, tpvm_operational, \
             efa_nodes, efa_deployments, firmware_hosts",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Sets Postgres' clock to so long after the beginning, and `jumped` seconds besides.
    pub(crate) async fn set_clock(&mut self, now: Duration, jumped: i64) -> anyhow::Result<()> {
        let micros = i64::try_from(now.as_micros())?;
        let time = (BEGINNING + jumped) * 1_000_000 + micros;
        if self.set != Some(time) {
            sqlx::query("SELECT setval('clock.micros', $1)")
                .bind(time)
                .execute(&self.pool)
                .await?;
            self.set = Some(time);
        }
        Ok(())
    }

    /// In how many seconds, by Postgres' clock, the ledger has something to announce: a step, an
    /// end that is older than `grace`, or events that could not be published.
    pub(crate) async fn seconds_until_due(&self, grace: Duration) -> anyhow::Result<Option<f64>> {
        let due = sqlx::query_scalar(
            "SELECT extract(epoch FROM min(at) - now())::float8 FROM (
                 SELECT wake_at AS at FROM executions WHERE finished_at IS NULL
                 UNION ALL
                 SELECT finished_at + make_interval(secs => $1) FROM executions
                 WHERE finished_at IS NOT NULL AND end_announced_at IS NULL
                       AND event_backlog_from IS NULL
                 UNION ALL
                 SELECT event_retry_at FROM executions
                 WHERE event_retry_at IS NOT NULL) AS due",
        )
        .bind(grace.as_secs_f64());
        Ok(due.fetch_one(&self.pool).await?)
    }

    /// How each execution stands.
    pub(crate) async fn executions(&self) -> anyhow::Result<Vec<Stands>> {
        let rows = sqlx::query(
            "SELECT id, request_id, deployment, state, seq, upgrade_case, failed_state, verdict,
                    facts->>'from_version' AS from_version,
                    facts->>'target_version' AS target_version,
                    claim_token IS NOT NULL AS claimed, end_announced_at IS NOT NULL AS announced
             FROM executions ORDER BY created_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        let stands = |row: &sqlx::postgres::PgRow| -> Result<Stands, sqlx::Error> {
            Ok(Stands {
                id: row.try_get("id")?,
                request_id: row.try_get("request_id")?,
                deployment: row.try_get("deployment")?,
                state: row.try_get("state")?,
                seq: row.try_get("seq")?,
                case: row.try_get("upgrade_case")?,
                failed_state: row.try_get("failed_state")?,
                verdict: row.try_get("verdict")?,
                from_version: row.try_get("from_version")?,
                target_version: row.try_get("target_version")?,
                claimed: row.try_get("claimed")?,
                announced: row.try_get("announced")?,
            })
        };
        Ok(rows.iter().map(stands).collect::<Result<_, _>>()?)
    }

    /// The moves of all executions, in their order.
    pub(crate) async fn moves(&self) -> anyhow::Result<Vec<Move>> {
        let rows = sqlx::query(
            "SELECT execution_id, seq, from_state, to_state, outcome, upgrade_case, failed_state,
                    failure_cause, verdict
             FROM history ORDER BY execution_id, seq",
        )
        .fetch_all(&self.pool)
        .await?;
        let moved = |row: &sqlx::postgres::PgRow| -> Result<Move, sqlx::Error> {
            Ok(Move {
                execution_id: row.try_get("execution_id")?,
                seq: row.try_get("seq")?,
                from: row.try_get("from_state")?,
                to: row.try_get("to_state")?,
                outcome: row.try_get("outcome")?,
                case: row.try_get("upgrade_case")?,
                failed_state: row.try_get("failed_state")?,
                cause: row.try_get("failure_cause")?,
                verdict: row.try_get("verdict")?,
            })
        };
        Ok(rows.iter().map(moved).collect::<Result<_, _>>()?)
    }

    /// Who holds the step of each unfinished execution.
    pub(crate) async fn holdings(&self) -> anyhow::Result<Vec<Holding>> {
        let rows = sqlx::query(
            "SELECT id, claimed_by, xmin::text AS version FROM executions
             WHERE finished_at IS NULL",
        )
        .fetch_all(&self.pool)
        .await?;
        let holding = |row: &sqlx::postgres::PgRow| -> Result<Holding, sqlx::Error> {
            Ok(Holding {
                id: row.try_get("id")?,
                by: row.try_get("claimed_by")?,
                version: row.try_get("version")?,
            })
        };
        Ok(rows.iter().map(holding).collect::<Result<_, _>>()?)
    }

    /// Everything that the ledger shows of executions, as text.
    pub(crate) async fn text(&self) -> anyhow::Result<String> {
        let text: Option<String> = sqlx::query_scalar(
            "SELECT string_agg(line, E'\\n') FROM (
                 SELECT to_jsonb(e)::text AS line FROM executions e
                 UNION ALL SELECT to_jsonb(h)::text FROM history h) AS lines",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(text.unwrap_or_default())
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        Ok(self.services.close().await?)
    }
}

/// How an execution stands.
#[derive(Clone, Debug)]
pub(crate) struct Stands {
    pub(crate) id: Uuid,
    pub(crate) request_id: Uuid,
    pub(crate) deployment: Option<String>,
    pub(crate) state: String,
    pub(crate) seq: i32,
    pub(crate) case: Option<String>,
    pub(crate) failed_state: Option<String>,
    pub(crate) verdict: Option<String>,
    pub(crate) from_version: Option<String>,
    pub(crate) target_version: Option<String>,
    pub(crate) claimed: bool,
    pub(crate) announced: bool,
}

/// Who holds the step of an unfinished execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) id: Uuid,
    pub(crate) by: Option<String>,
    /// The row's: another one after each write.
    version: String,
}

/// A row of history.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) execution_id: Uuid,
    pub(crate) seq: i32,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) outcome: String,
    pub(crate) case: Option<String>,
    pub(crate) failed_state: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) verdict: Option<String>,
}

#[cfg(test)]
mod tests;
