//! Finds the steps whose time has come.

use std::time::Duration;

use uuid::Uuid;

use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{Due, StepRef};
use crate::values::{Columns, Row, readable, seconds};

struct DueRow {
    id: Uuid,
    seq: i32,
    state: String,
    copies: i32,
    taken_up: bool,
    failed_state: Option<String>,
}

/// At most `limit` steps, the longest due first. Each is due again after `again_after`, doubled
/// with each time that nobody claims it (up to 64 times as long), so that steps in a long queue
/// are not announced over and over.
pub(crate) async fn take(
    db: &Db,
    limit: i64,
    again_after: Duration,
) -> Result<Vec<Due>, LedgerError> {
    // SKIP LOCKED: a row that is locked is being claimed, written, or taken by another worker's
    // loop. None of these is due, and waiting for them in the order of time could deadlock with
    // those who wait in the order of ids.
    let query = sqlx::query_as!(
        DueRow,
        r#"
        WITH picked AS MATERIALIZED (
            SELECT id FROM executions
            WHERE finished_at IS NULL AND wake_at <= now()
            ORDER BY wake_at
            LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE executions e
        SET wake_at = now() + make_interval(secs => $2) * 2 ^ least(e.copies, 6),
            copies = e.copies + 1
        FROM picked p
        WHERE e.id = p.id
        RETURNING e.id, e.seq, e.state, e.copies, e.failed_state,
                  (e.claim_token IS NOT NULL OR e.updated_at > e.started_at) AS "taken_up!"
        "#,
        limit.max(0),
        seconds(again_after),
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    Ok(readable(rows.into_iter().map(due)))
}

fn due(row: DueRow) -> Result<Due, LedgerError> {
    let columns = Row(row.id);
    Ok(Due {
        step: StepRef {
            execution_id: row.id,
            seq: row.seq,
            state: columns.read("state", &row.state)?,
        },
        copies: row.copies,
        taken_up: row.taken_up,
        failed_state: columns.read_some("failed_state", row.failed_state.as_deref())?,
    })
}
