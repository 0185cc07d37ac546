//! Writes facts under claims, and makes these last longer.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::renew::fenced;
use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{ClaimToken, Fenced};
use crate::values::seconds;

pub(crate) struct NoteFacts(pub(crate) Db);

pub(crate) struct Note {
    pub(crate) token: ClaimToken,
    pub(crate) facts: Value,
    pub(crate) ttl: Duration,
}

impl Statement for NoteFacts {
    type Item = Note;
    type Key = Uuid;
    type Output = Fenced;

    fn key(item: &Note) -> Uuid {
        item.token.execution_id
    }

    async fn run(&self, items: &[Note]) -> Result<Vec<Result<Fenced, LedgerError>>, LedgerError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.token.execution_id).collect();
        let seqs: Vec<i32> = items.iter().map(|item| item.token.seq).collect();
        let tokens: Vec<Uuid> = items.iter().map(|item| item.token.token).collect();
        let facts: Vec<Value> = items.iter().map(|item| item.facts.clone()).collect();
        let ttls: Vec<f64> = items.iter().map(|item| seconds(item.ttl)).collect();
        let query = sqlx::query_scalar!(
            r#"
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::jsonb[], $5::float8[])
                    AS t (id, seq, token, facts, ttl)
            ), found AS MATERIALIZED (
                SELECT e.id FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            )
            UPDATE executions e
            SET facts = e.facts || a.facts,
                claim_until = now() + make_interval(secs => a.ttl),
                wake_at = now() + make_interval(secs => a.ttl),
                updated_at = now()
            FROM asked a JOIN found f ON f.id = a.id
            WHERE e.id = a.id AND e.seq = a.seq AND e.claim_token = a.token
            RETURNING e.id AS "id!"
            "#,
            &ids,
            &seqs,
            &tokens,
            &facts,
            &ttls,
        );
        let written = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let ids = items.iter().map(|item| item.token.execution_id);
        Ok(fenced(ids, written))
    }
}
