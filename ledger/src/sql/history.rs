//! Reads the history of one execution.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::db::Db;
use crate::error::LedgerError;
use crate::report::HistoryRow;
use crate::values::{Columns, Row, failure};

struct Stored {
    seq: i32,
    from_state: String,
    to_state: String,
    outcome: String,
    upgrade_case: Option<String>,
    detail: Option<String>,
    failure_cause: Option<String>,
    failure_remedy: Option<String>,
    facts: Value,
    attempts: i32,
    worker: String,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
}

pub(crate) async fn of(db: &Db, id: Uuid) -> Result<Vec<HistoryRow>, LedgerError> {
    let query = sqlx::query_as!(
        Stored,
        "
        SELECT seq, from_state, to_state, outcome, upgrade_case, detail, failure_cause,
               failure_remedy, facts, attempts, worker, started_at, ended_at
        FROM history
        WHERE execution_id = $1
        ORDER BY seq
        ",
        id,
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    rows.into_iter().map(|row| read(id, row)).collect()
}

fn read(id: Uuid, row: Stored) -> Result<HistoryRow, LedgerError> {
    let columns = Row(id);
    Ok(HistoryRow {
        seq: row.seq,
        from: columns.read("from_state", &row.from_state)?,
        to: columns.read("to_state", &row.to_state)?,
        outcome: columns.read("outcome", &row.outcome)?,
        case: columns.read_some("upgrade_case", row.upgrade_case.as_deref())?,
        detail: row.detail,
        failure: failure(row.failure_cause, row.failure_remedy),
        facts: columns.facts(row.facts)?,
        attempts: row.attempts,
        worker: row.worker,
        started_at: row.started_at,
        ended_at: row.ended_at,
    })
}
