//! Takes steps for a limited time.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemas::State;
use serde_json::Value;
use uuid::Uuid;

use super::request::StoredRequest;
use crate::claimant::Question;
use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{Claim, ClaimToken, Found, HeldStep, StepRef};
use crate::values::{Columns, Row, failure, seconds};

pub(crate) struct ClaimSteps(pub(crate) Db);

pub(crate) struct ClaimStep {
    pub(crate) step: StepRef,
    pub(crate) question: Question,
    pub(crate) ttl: Duration,
}

struct FoundRow {
    id: Uuid,
    seq: i32,
    state: String,
    granted: Option<Uuid>,
    busy_until: Option<DateTime<Utc>>,
    request_id: Uuid,
    ip_address: String,
    firmware_host: String,
    tpvm_image: String,
    requested_by: String,
    trusted_peer_sudo_user: Option<String>,
    trusted_peer_password_secret: Option<String>,
    force: bool,
    clean_redeploy: bool,
    deployment: Option<String>,
    upgrade_case: Option<String>,
    facts: Value,
    failed_state: Option<String>,
    failure_cause: Option<String>,
    failure_remedy: Option<String>,
    attempts: i32,
    claims: i32,
    started_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Statement for ClaimSteps {
    type Item = ClaimStep;
    type Key = Uuid;
    type Output = Claim;

    fn key(item: &ClaimStep) -> Uuid {
        item.step.execution_id
    }

    async fn run(
        &self,
        items: &[ClaimStep],
    ) -> Result<Vec<Result<Claim, LedgerError>>, LedgerError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.step.execution_id).collect();
        let seqs: Vec<i32> = items.iter().map(|item| item.step.seq).collect();
        let states: Vec<String> = items
            .iter()
            .map(|item| item.step.state.slug().to_owned())
            .collect();
        let questions = || items.iter().map(|item| &item.question);
        let tokens: Vec<Uuid> = questions().map(|question| question.token).collect();
        let firsts: Vec<Uuid> = questions().map(|question| question.first).collect();
        let workers: Vec<String> = questions()
            .map(|question| question.worker.clone())
            .collect();
        let ttls: Vec<f64> = items.iter().map(|item| seconds(item.ttl)).collect();
        // Only Postgres' clock decides whether a claim has ended, so that workers with different
        // clocks agree.
        let query = sqlx::query_as!(
            FoundRow,
            r#"
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::float8[])
                    AS t (id, seq, state, token, first_token, worker, ttl)
            ), found AS MATERIALIZED (
                SELECT e.* FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            ), granted AS (
                UPDATE executions e
                SET claim_token = a.token,
                    claimed_by = a.worker,
                    claim_until = now() + make_interval(secs => a.ttl),
                    wake_at = now() + make_interval(secs => a.ttl),
                    copies = 0,
                    -- Asking again for what was granted unheard is the same claim.
                    claims = CASE WHEN e.claim_token >= a.first_token AND e.claim_token < a.token
                                  THEN e.claims ELSE e.claims + 1 END
                FROM asked a JOIN found f ON f.id = a.id
                WHERE e.id = a.id
                  AND e.seq = a.seq
                  AND e.state = a.state
                  AND e.finished_at IS NULL
                  AND (e.claim_until IS NULL
                       OR e.claim_until <= now()
                       OR (e.claim_token >= a.first_token AND e.claim_token < a.token))
                RETURNING e.id, e.claim_token, e.claims
            )
            SELECT f.id AS "id!", f.seq AS "seq!", f.state AS "state!",
                   g.claim_token AS "granted?",
                   CASE WHEN f.claim_until > now() THEN f.claim_until END AS "busy_until?",
                   f.request_id AS "request_id!",
                   host(f.ip_address) AS "ip_address!", host(f.firmware_host) AS "firmware_host!",
                   f.tpvm_image AS "tpvm_image!", f.requested_by AS "requested_by!",
                   f.trusted_peer_sudo_user AS "trusted_peer_sudo_user?",
                   f.trusted_peer_password_secret AS "trusted_peer_password_secret?",
                   f.force AS "force!", f.clean_redeploy AS "clean_redeploy!",
                   f.deployment AS "deployment?", f.upgrade_case AS "upgrade_case?",
                   f.facts AS "facts!", f.failed_state AS "failed_state?",
                   f.failure_cause AS "failure_cause?", f.failure_remedy AS "failure_remedy?",
                   f.attempts AS "attempts!",
                   coalesce(g.claims, f.claims) AS "claims!", f.started_at AS "started_at!", now() AS "now!"
            FROM found f LEFT JOIN granted g ON g.id = f.id
            "#,
            &ids,
            &seqs,
            &states,
            &tokens,
            &firsts,
            &workers,
            &ttls,
        );
        let rows = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let mut rows: HashMap<Uuid, FoundRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        Ok(items
            .iter()
            .map(|item| match rows.remove(&item.step.execution_id) {
                None => Ok(Claim::Missing),
                Some(row) => answer(&item.step, row),
            })
            .collect())
    }
}

fn answer(step: &StepRef, row: FoundRow) -> Result<Claim, LedgerError> {
    let state = Row(row.id).read("state", &row.state)?;
    let found = Found {
        seq: row.seq,
        state,
    };
    if let Some(token) = row.granted {
        let token = ClaimToken {
            execution_id: row.id,
            seq: row.seq,
            token,
        };
        return Ok(match held(token, state, row) {
            Ok(held) => Claim::Held(Box::new(held)),
            Err(error) => Claim::Unreadable {
                token,
                problem: error.to_string(),
            },
        });
    }
    Ok(match row.busy_until {
        _ if row.seq > step.seq => Claim::Behind(found),
        _ if row.seq < step.seq || state != step.state => Claim::Ahead(found),
        Some(until) => Claim::Busy { until },
        // Only the last state grants nothing while nobody holds it.
        None => Claim::Behind(found),
    })
}

fn held(token: ClaimToken, state: State, row: FoundRow) -> Result<HeldStep, LedgerError> {
    let columns = Row(row.id);
    let request = StoredRequest {
        id: row.id,
        request_id: row.request_id,
        ip_address: row.ip_address,
        firmware_host: row.firmware_host,
        tpvm_image: row.tpvm_image,
        requested_by: row.requested_by,
        trusted_peer_sudo_user: row.trusted_peer_sudo_user,
        trusted_peer_password_secret: row.trusted_peer_password_secret,
        force: row.force,
        clean_redeploy: row.clean_redeploy,
    };
    Ok(HeldStep {
        token,
        request: request.read()?,
        state,
        case: columns.read_some("upgrade_case", row.upgrade_case.as_deref())?,
        facts: columns.facts(row.facts)?,
        failed_state: columns.read_some("failed_state", row.failed_state.as_deref())?,
        failure: failure(row.failure_cause, row.failure_remedy),
        attempts: row.attempts,
        // This claim is the last of them.
        deaths: row.claims - 1,
        started_at: row.started_at,
        now: row.now,
        deployment: row.deployment,
    })
}
