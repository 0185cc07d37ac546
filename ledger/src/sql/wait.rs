//! Hands steps back until a later time.

use serde_json::Value;
use uuid::Uuid;

use super::renew::fenced;
use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{ClaimToken, Fenced, Wait};
use crate::values::{json, seconds, text};

pub(crate) struct WaitForLater(pub(crate) Db);

pub(crate) struct Waiting {
    pub(crate) token: ClaimToken,
    pub(crate) wait: Wait,
}

impl Statement for WaitForLater {
    type Item = Waiting;
    type Key = Uuid;
    type Output = Fenced;

    fn key(item: &Waiting) -> Uuid {
        item.token.execution_id
    }

    async fn run(
        &self,
        items: &[Waiting],
    ) -> Result<Vec<Result<Fenced, LedgerError>>, LedgerError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.token.execution_id).collect();
        let seqs: Vec<i32> = items.iter().map(|item| item.token.seq).collect();
        let tokens: Vec<Uuid> = items.iter().map(|item| item.token.token).collect();
        let afters: Vec<f64> = items.iter().map(|item| seconds(item.wait.after)).collect();
        let whys: Vec<String> = items.iter().map(|item| text(&item.wait.why)).collect();
        let facts: Vec<Value> = items.iter().map(|item| json(&item.wait.facts)).collect();
        let attempts: Vec<bool> = items
            .iter()
            .map(|item| item.wait.counts_as_attempt)
            .collect();
        let query = sqlx::query_scalar!(
            r#"
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::float8[], $5::text[], $6::jsonb[], $7::bool[])
                    AS t (id, seq, token, after, why, facts, is_attempt)
            ), found AS MATERIALIZED (
                SELECT e.id FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            )
            UPDATE executions e
            SET wake_at = now() + make_interval(secs => a.after),
                copies = 0,
                claims = 0,
                claim_token = NULL,
                claimed_by = NULL,
                claim_until = NULL,
                detail = a.why,
                facts = e.facts || a.facts,
                attempts = CASE WHEN a.is_attempt THEN e.attempts + 1 ELSE 0 END,
                updated_at = now()
            FROM asked a JOIN found f ON f.id = a.id
            WHERE e.id = a.id AND e.seq = a.seq AND e.claim_token = a.token
            RETURNING e.id AS "id!"
            "#,
            &ids,
            &seqs,
            &tokens,
            &afters,
            &whys,
            &facts,
            &attempts,
        );
        let written = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let ids = items.iter().map(|item| item.token.execution_id);
        Ok(fenced(ids, written))
    }
}
