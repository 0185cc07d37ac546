//! Turns requests into executions.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use schemas::{State, UpgradeRequest};
use uuid::Uuid;

use super::request::StoredRequest;
use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::Acceptance;
use crate::values::seconds;

/// How often a request is tried again whose rival ended between two statements.
const MAX_ROUNDS: usize = 5;

pub(crate) struct AcceptRequests(pub(crate) Db);

pub(crate) struct Accept {
    pub(crate) request: UpgradeRequest,
    pub(crate) first_wake: Duration,
}

impl Statement for AcceptRequests {
    type Item = Accept;
    type Key = Uuid;
    type Output = Acceptance;

    fn key(item: &Accept) -> Uuid {
        item.request.request_id
    }

    async fn run(
        &self,
        items: &[Accept],
    ) -> Result<Vec<Result<Acceptance, LedgerError>>, LedgerError> {
        let mut answers = HashMap::new();
        for _ in 0..MAX_ROUNDS {
            let open: Vec<&Accept> = items
                .iter()
                .filter(|item| !answers.contains_key(&item.request.request_id))
                .collect();
            if open.is_empty() {
                break;
            }
            answers.extend(self.insert(&open).await?);
            let refused: Vec<&Accept> = open
                .into_iter()
                .filter(|item| !answers.contains_key(&item.request.request_id))
                .collect();
            if !refused.is_empty() {
                answers.extend(self.explain(&refused).await?);
            }
        }
        Ok(items
            .iter()
            .map(|item| {
                answers
                    .remove(&item.request.request_id)
                    .unwrap_or_else(|| Err(rivals_come_and_go()))
            })
            .collect())
    }
}

type Answers = HashMap<Uuid, Result<Acceptance, LedgerError>>;

impl AcceptRequests {
    /// Inserts what neither has a request id that was used, nor meets an unfinished execution of
    /// its deployment. Whatever is refused is simply not in the result.
    async fn insert(&self, items: &[&Accept]) -> Result<Answers, LedgerError> {
        let requests = || items.iter().map(|item| &item.request);
        let ids: Vec<Uuid> = items.iter().map(|_| Uuid::now_v7()).collect();
        let request_ids: Vec<Uuid> = requests().map(|request| request.request_id).collect();
        let addresses: Vec<String> = requests().map(|r| r.ip_address.to_string()).collect();
        let firmware_hosts: Vec<String> = requests().map(|r| r.firmware_host.to_string()).collect();
        let images: Vec<String> = requests().map(|r| r.tpvm_image.to_string()).collect();
        let requesters: Vec<String> = requests().map(|r| r.requested_by.to_string()).collect();
        let users: Vec<Option<&str>> = requests()
            .map(|r| r.trusted_peer_sudo_user.as_ref().map(|user| user.as_str()))
            .collect();
        let secrets: Vec<Option<&str>> = requests()
            .map(|r| r.trusted_peer_password_secret.as_ref())
            .map(|secret| secret.map(|secret| secret.as_str()))
            .collect();
        let forces: Vec<bool> = requests().map(|r| r.options.force).collect();
        let cleans: Vec<bool> = requests().map(|r| r.options.clean_redeploy).collect();
        let wakes: Vec<f64> = items.iter().map(|item| seconds(item.first_wake)).collect();
        // Two workers that insert into the same deployments wait for each other at the unique
        // index: in one order, so that they don't deadlock. KEY SHARE: a device stays in its
        // deployment until the insert can be seen; only `device::refuse_moves` waits for that, and
        // is waited for, and no other write to the device.
        let query = sqlx::query!(
            r#"
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                                     $6::text[], $7::text[], $8::text[], $9::bool[], $10::bool[],
                                     $11::float8[])
                    AS t (id, request_id, ip_address, firmware_host, tpvm_image, requested_by,
                          sudo_user, password_secret, force, clean_redeploy, first_wake)
            ), registered AS MATERIALIZED (
                SELECT d.ip_address, d.deployment FROM devices d
                WHERE d.ip_address = ANY (SELECT a.ip_address::inet FROM asked a)
                ORDER BY d.ip_address
                FOR KEY SHARE
            ), accepted AS (
                INSERT INTO executions (id, request_id, ip_address, firmware_host, tpvm_image,
                                        requested_by, trusted_peer_sudo_user,
                                        trusted_peer_password_secret, force, clean_redeploy,
                                        deployment, seq, state, wake_at)
                SELECT a.id, a.request_id, a.ip_address::inet, a.firmware_host::inet, a.tpvm_image,
                       a.requested_by, a.sudo_user, a.password_secret, a.force, a.clean_redeploy,
                       d.deployment, 1, $12, now() + make_interval(secs => a.first_wake)
                FROM asked a LEFT JOIN registered d ON d.ip_address = a.ip_address::inet
                ORDER BY d.deployment, a.request_id
                ON CONFLICT DO NOTHING
                RETURNING id, request_id, requested_by, state
            ), written AS (
                INSERT INTO history (execution_id, seq, from_state, to_state, outcome, worker, started_at)
                SELECT id, 1, $13, state, 'success', requested_by, now() FROM accepted
            )
            SELECT id AS "id!", request_id AS "request_id!" FROM accepted
            "#,
            &ids,
            &request_ids,
            &addresses,
            &firmware_hosts,
            &images,
            &requesters,
            &users as &[Option<&str>],
            &secrets as &[Option<&str>],
            &forces,
            &cleans,
            &wakes,
            State::DeviceValidation.slug(),
            State::WorkflowStarted.slug(),
        );
        let rows = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let accepted = rows.into_iter().map(|row| {
            let acceptance = Acceptance::Accepted {
                execution_id: row.id,
                duplicate: false,
            };
            (row.request_id, Ok(acceptance))
        });
        Ok(accepted.collect())
    }

    /// Says why requests were not inserted. One whose rival has ended meanwhile is not in the
    /// result, and can be inserted now.
    async fn explain(&self, items: &[&Accept]) -> Result<Answers, LedgerError> {
        let mut answers = self.seen_before(items).await?;
        let seen: HashSet<Uuid> = answers.keys().copied().collect();
        let open: Vec<&Accept> = items
            .iter()
            .filter(|item| !seen.contains(&item.request.request_id))
            .copied()
            .collect();
        if !open.is_empty() {
            answers.extend(self.kept_out(&open).await?);
        }
        Ok(answers)
    }

    async fn seen_before(&self, items: &[&Accept]) -> Result<Answers, LedgerError> {
        let request_ids: Vec<Uuid> = items.iter().map(|item| item.request.request_id).collect();
        let query = sqlx::query_as!(
            StoredRequest,
            r#"
            SELECT id, request_id, host(ip_address) AS "ip_address!",
                   host(firmware_host) AS "firmware_host!", tpvm_image, requested_by,
                   trusted_peer_sudo_user, trusted_peer_password_secret, force, clean_redeploy
            FROM executions
            WHERE request_id = ANY ($1)
            "#,
            &request_ids,
        );
        let rows = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let asked: HashMap<Uuid, &UpgradeRequest> = items
            .iter()
            .map(|item| (item.request.request_id, &item.request))
            .collect();
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let asked = *asked.get(&row.request_id)?;
                Some((row.request_id, Ok(repeated(asked, &row))))
            })
            .collect())
    }

    async fn kept_out(&self, items: &[&Accept]) -> Result<Answers, LedgerError> {
        let request_ids: Vec<Uuid> = items.iter().map(|item| item.request.request_id).collect();
        let addresses: Vec<String> = items
            .iter()
            .map(|item| item.request.ip_address.to_string())
            .collect();
        let query = sqlx::query!(
            r#"
            SELECT a.request_id AS "request_id!", e.id AS "running!"
            FROM unnest($1::uuid[], $2::text[]) AS a (request_id, ip_address)
            JOIN devices d ON d.ip_address = a.ip_address::inet
            JOIN executions e ON e.deployment = d.deployment AND e.finished_at IS NULL
            "#,
            &request_ids,
            &addresses,
        );
        let rows = self.0.bounded(query.fetch_all(&self.0.pool)).await?;
        let busy = rows.into_iter().map(|row| {
            let running = row.running;
            (row.request_id, Ok(Acceptance::Busy { running }))
        });
        Ok(busy.collect())
    }
}

/// The request id is known: is it the same request? One that can't be read any more is taken for
/// the same, for whoever asks again has to be answered.
fn repeated(asked: &UpgradeRequest, row: &StoredRequest) -> Acceptance {
    let execution_id = row.id;
    match row.read() {
        Ok(stored) if stored != *asked => Acceptance::RequestIdReused { execution_id },
        Ok(_) | Err(_) => Acceptance::Accepted {
            execution_id,
            duplicate: true,
        },
    }
}

fn rivals_come_and_go() -> LedgerError {
    let error = io::Error::other("upgrades of the same deployment start and end all the time");
    LedgerError::Unavailable(Arc::new(sqlx::Error::Io(error)))
}
