//! Moves executions along the workflow, each with its row of history.

use serde_json::Value;
use uuid::Uuid;

use super::renew::fenced;
use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{ClaimToken, Fenced, Transition};
use crate::values::{json, seconds, text};

pub(crate) struct RecordTransitions(pub(crate) Db);

pub(crate) struct Record {
    pub(crate) token: ClaimToken,
    pub(crate) transition: Transition,
}

impl Statement for RecordTransitions {
    type Item = Record;
    type Key = Uuid;
    type Output = Fenced;

    fn key(item: &Record) -> Uuid {
        item.token.execution_id
    }

    async fn run(&self, items: &[Record]) -> Result<Vec<Result<Fenced, LedgerError>>, LedgerError> {
        let columns = Columns::of(items);
        let query = sqlx::query_scalar!(
            r#"
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[],
                                     $6::text[], $7::jsonb[], $8::text[], $9::text[], $10::text[],
                                     $11::text[], $12::text[], $13::float8[])
                    AS t (id, seq, token, outcome, to_state, upgrade_case, facts, detail, cause,
                          remedy, failed_state, verdict, wake_after)
            ), found AS MATERIALIZED (
                SELECT e.id, e.state, e.attempts, e.claimed_by, e.started_at
                FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            ), moved AS (
                UPDATE executions e
                SET seq = e.seq + 1,
                    state = a.to_state,
                    started_at = now(),
                    updated_at = now(),
                    upgrade_case = coalesce(a.upgrade_case, e.upgrade_case),
                    facts = e.facts || a.facts,
                    detail = a.detail,
                    failed_state = coalesce(a.failed_state, e.failed_state),
                    failure_cause = coalesce(a.cause, e.failure_cause),
                    failure_remedy = coalesce(a.remedy, e.failure_remedy),
                    attempts = 0,
                    wake_at = CASE WHEN a.verdict IS NULL THEN now() + make_interval(secs => a.wake_after) END,
                    copies = 0,
                    claims = 0,
                    claim_token = NULL,
                    claimed_by = NULL,
                    claim_until = NULL,
                    verdict = a.verdict,
                    finished_at = CASE WHEN a.verdict IS NOT NULL THEN now() END
                FROM asked a JOIN found f ON f.id = a.id
                WHERE e.id = a.id AND e.seq = a.seq AND e.claim_token = a.token
                RETURNING e.id, e.seq, e.state, e.upgrade_case, e.failed_state, e.verdict
            )
            INSERT INTO history (execution_id, seq, from_state, to_state, outcome, upgrade_case,
                                 detail, failed_state, failure_cause, failure_remedy, verdict,
                                 facts, attempts, worker, started_at)
            SELECT m.id, m.seq, f.state, m.state, a.outcome, m.upgrade_case,
                   a.detail, m.failed_state, a.cause, a.remedy, m.verdict,
                   a.facts, f.attempts, f.claimed_by, f.started_at
            FROM moved m JOIN asked a ON a.id = m.id JOIN found f ON f.id = m.id
            RETURNING execution_id
            "#,
            &columns.ids,
            &columns.seqs,
            &columns.tokens,
            &columns.outcomes,
            &columns.to_states,
            &columns.cases as &[Option<&str>],
            &columns.facts,
            &columns.details as &[Option<String>],
            &columns.causes as &[Option<String>],
            &columns.remedies as &[Option<String>],
            &columns.failed_states as &[Option<&str>],
            &columns.verdicts as &[Option<&str>],
            &columns.wake_afters,
        );
        let written = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let ids = items.iter().map(|item| item.token.execution_id);
        Ok(fenced(ids, written))
    }
}

/// The items, turned on their side: what `unnest` wants.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    seqs: Vec<i32>,
    tokens: Vec<Uuid>,
    outcomes: Vec<String>,
    to_states: Vec<String>,
    cases: Vec<Option<&'static str>>,
    facts: Vec<Value>,
    details: Vec<Option<String>>,
    causes: Vec<Option<String>>,
    remedies: Vec<Option<String>>,
    failed_states: Vec<Option<&'static str>>,
    verdicts: Vec<Option<&'static str>>,
    wake_afters: Vec<f64>,
}

impl Columns {
    fn of(items: &[Record]) -> Self {
        let mut columns = Self::default();
        for Record { token, transition } in items {
            let failure = transition.failure.as_ref();
            columns.ids.push(token.execution_id);
            columns.seqs.push(token.seq);
            columns.tokens.push(token.token);
            columns.outcomes.push(transition.outcome.slug().to_owned());
            columns.to_states.push(transition.to.slug().to_owned());
            columns.cases.push(transition.case.map(|case| case.slug()));
            columns.facts.push(json(&transition.facts));
            columns.details.push(transition.detail.as_deref().map(text));
            columns
                .causes
                .push(failure.map(|failure| text(&failure.cause)));
            columns
                .remedies
                .push(failure.map(|failure| text(&failure.remedy)));
            columns
                .failed_states
                .push(transition.failed_state.map(|state| state.slug()));
            columns
                .verdicts
                .push(transition.verdict.map(|verdict| verdict.slug()));
            columns.wake_afters.push(seconds(transition.wake_after));
        }
        columns
    }
}
