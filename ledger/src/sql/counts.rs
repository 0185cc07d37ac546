//! Counts the unfinished executions.

use chrono::{DateTime, Utc};

use crate::db::Db;
use crate::error::LedgerError;
use crate::report::StateCount;

struct CountRow {
    state: String,
    unfinished: i64,
    claimed: i64,
    oldest_wake_at: DateTime<Utc>,
}

pub(crate) async fn by_state(db: &Db) -> Result<Vec<StateCount>, LedgerError> {
    let query = sqlx::query_as!(
        CountRow,
        r#"
        SELECT state,
               count(*) AS "unfinished!",
               count(*) FILTER (WHERE claim_until > now()) AS "claimed!",
               min(wake_at) AS "oldest_wake_at!"
        FROM executions
        WHERE finished_at IS NULL
        GROUP BY state
        "#,
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    let mut counts: Vec<StateCount> = rows.into_iter().filter_map(count).collect();
    counts.sort_by_key(|count| count.state);
    Ok(counts)
}

/// A state that this program does not know is a newer program's, and that one counts it.
fn count(row: CountRow) -> Option<StateCount> {
    Some(StateCount {
        state: row.state.parse().ok()?,
        unfinished: row.unfinished,
        waiting: row.unfinished - row.claimed,
        claimed: row.claimed,
        oldest_wake_at: row.oldest_wake_at,
    })
}
