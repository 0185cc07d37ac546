//! Makes claims last longer.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{ClaimToken, Fenced};
use crate::values::seconds;

pub(crate) struct RenewClaims(pub(crate) Db);

pub(crate) struct RenewClaim {
    pub(crate) token: ClaimToken,
    pub(crate) ttl: Duration,
}

impl Statement for RenewClaims {
    type Item = RenewClaim;
    type Key = Uuid;
    type Output = Fenced;

    fn key(item: &RenewClaim) -> Uuid {
        item.token.execution_id
    }

    async fn run(
        &self,
        items: &[RenewClaim],
    ) -> Result<Vec<Result<Fenced, LedgerError>>, LedgerError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.token.execution_id).collect();
        let seqs: Vec<i32> = items.iter().map(|item| item.token.seq).collect();
        let tokens: Vec<Uuid> = items.iter().map(|item| item.token.token).collect();
        let ttls: Vec<f64> = items.iter().map(|item| seconds(item.ttl)).collect();
        let query = sqlx::query_scalar!(
            r#"
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::float8[])
                    AS t (id, seq, token, ttl)
            ), found AS MATERIALIZED (
                SELECT e.id FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            )
            UPDATE executions e
            SET claim_until = now() + make_interval(secs => a.ttl),
                wake_at = now() + make_interval(secs => a.ttl)
            FROM asked a JOIN found f ON f.id = a.id
            WHERE e.id = a.id AND e.seq = a.seq AND e.claim_token = a.token
            RETURNING e.id AS "id!"
            "#,
            &ids,
            &seqs,
            &tokens,
            &ttls,
        );
        let written = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let ids = items.iter().map(|item| item.token.execution_id);
        Ok(fenced(ids, written))
    }
}

/// What became of each item: done where a row was written.
pub(crate) fn fenced(
    asked: impl Iterator<Item = Uuid>,
    written: Vec<Uuid>,
) -> Vec<Result<Fenced, LedgerError>> {
    let written: HashSet<Uuid> = written.into_iter().collect();
    asked
        .map(|id| {
            Ok(if written.contains(&id) {
                Fenced::Done
            } else {
                Fenced::Stale
            })
        })
        .collect()
}
