//! Puts off a step that can't be carried out as its row stands.

use std::time::Duration;

use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{ClaimToken, Postponed};
use crate::values::{seconds, text};

/// How much longer than `again_after` a step is put off at the most.
const LONGEST: u32 = 64;

/// Says what is wrong in the row, ends the claim, and puts the step off: by `again_after` at
/// first, then each time for as long as the same is known to be wrong.
pub(crate) async fn postpone(
    db: &Db,
    token: &ClaimToken,
    problem: &str,
    again_after: Duration,
) -> Result<Postponed, LedgerError> {
    // The time of the first look stays in updated_at, so the waits double without a counter.
    let query = sqlx::query_scalar!(
        r#"
        WITH found AS MATERIALIZED (
            SELECT e.id, e.updated_at, e.detail IS DISTINCT FROM $4 AS is_news
            FROM executions e
            WHERE e.id = $1 AND e.seq = $2 AND e.claim_token = $3
            FOR NO KEY UPDATE
        )
        UPDATE executions e
        SET detail = $4,
            updated_at = CASE WHEN f.is_news THEN now() ELSE e.updated_at END,
            wake_at = now() + CASE WHEN f.is_news THEN make_interval(secs => $5)
                ELSE least(greatest(now() - f.updated_at, make_interval(secs => $5)),
                           make_interval(secs => $6)) END,
            copies = 0,
            claims = 0,
            claim_token = NULL,
            claimed_by = NULL,
            claim_until = NULL
        FROM found f
        WHERE e.id = f.id
        RETURNING f.is_news AS "is_news!"
        "#,
        token.execution_id,
        token.seq,
        token.token,
        text(problem),
        seconds(again_after),
        seconds(again_after * LONGEST),
    );
    let found = db.bounded(query.fetch_optional(&db.pool)).await?;
    Ok(match found {
        Some(true) => Postponed::First,
        Some(false) => Postponed::Again,
        None => Postponed::Stale,
    })
}
