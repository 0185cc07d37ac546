//! Reads executions for operators.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::db::Db;
use crate::error::LedgerError;
use crate::report::{Execution, Filter};
use crate::values::{Columns, Row, failure};

struct Stored {
    id: Uuid,
    request_id: Uuid,
    ip_address: String,
    deployment: Option<String>,
    host_name: Option<String>,
    model: Option<String>,
    chassis_name: Option<String>,
    firmware_host: String,
    tpvm_image: String,
    requested_by: String,
    upgrade_case: Option<String>,
    state: String,
    seq: i32,
    failed_state: Option<String>,
    detail: Option<String>,
    failure_cause: Option<String>,
    failure_remedy: Option<String>,
    verdict: Option<String>,
    from_version: Option<String>,
    target_version: Option<String>,
    attempts: i32,
    wake_at: Option<DateTime<Utc>>,
    claimed_by: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

pub(crate) async fn one(db: &Db, id: Uuid) -> Result<Option<Execution>, LedgerError> {
    let rows = select(db, Some(id), &Filter::default()).await?;
    rows.into_iter().next().map(read).transpose()
}

/// The newest first.
pub(crate) async fn list(
    db: &Db,
    filter: &Filter,
) -> Result<Vec<Result<Execution, LedgerError>>, LedgerError> {
    let rows = select(db, None, filter).await?;
    Ok(rows.into_iter().map(read).collect())
}

async fn select(db: &Db, id: Option<Uuid>, filter: &Filter) -> Result<Vec<Stored>, LedgerError> {
    let query = sqlx::query_as!(
        Stored,
        r#"
        SELECT e.id AS "id!", e.request_id AS "request_id!", host(e.ip_address) AS "ip_address!",
               e.deployment AS "deployment?", d.name AS "host_name?", d.model AS "model?",
               d.chassis_name AS "chassis_name?", host(e.firmware_host) AS "firmware_host!",
               e.tpvm_image AS "tpvm_image!", e.requested_by AS "requested_by!",
               e.upgrade_case AS "upgrade_case?", e.state AS "state!", e.seq AS "seq!",
               e.failed_state AS "failed_state?", e.detail AS "detail?",
               e.failure_cause AS "failure_cause?", e.failure_remedy AS "failure_remedy?",
               e.verdict AS "verdict?", e.facts ->> 'from_version' AS "from_version?",
               e.facts ->> 'target_version' AS "target_version?", e.attempts AS "attempts!",
               e.wake_at AS "wake_at?", e.claimed_by AS "claimed_by?",
               e.created_at AS "created_at!", e.updated_at AS "updated_at!",
               e.finished_at AS "finished_at?"
        FROM executions e LEFT JOIN devices d ON d.ip_address = e.ip_address
        WHERE ($1::uuid IS NULL OR e.id = $1)
          AND ($2::text IS NULL OR e.ip_address = $2::inet)
          AND (NOT $3 OR e.finished_at IS NULL)
        ORDER BY e.id DESC
        LIMIT $4
        "#,
        id,
        filter.ip_address.map(|ip| ip.to_string()),
        filter.unfinished_only,
        filter.limit.max(0),
    );
    db.bounded(query.fetch_all(&db.pool)).await
}

fn read(row: Stored) -> Result<Execution, LedgerError> {
    let columns = Row(row.id);
    Ok(Execution {
        id: row.id,
        request_id: row.request_id,
        ip_address: columns.read("ip_address", &row.ip_address)?,
        deployment: row.deployment,
        host_name: row.host_name,
        model: row.model,
        chassis_name: row.chassis_name,
        firmware_host: columns.read("firmware_host", &row.firmware_host)?,
        tpvm_image: columns.read("tpvm_image", &row.tpvm_image)?,
        requested_by: columns.read("requested_by", &row.requested_by)?,
        case: columns.read_some("upgrade_case", row.upgrade_case.as_deref())?,
        state: columns.read("state", &row.state)?,
        seq: row.seq,
        failed_state: columns.read_some("failed_state", row.failed_state.as_deref())?,
        detail: row.detail,
        failure: failure(row.failure_cause, row.failure_remedy),
        verdict: columns.read_some("verdict", row.verdict.as_deref())?,
        from_version: row.from_version,
        target_version: row.target_version,
        attempts: row.attempts,
        wake_at: row.wake_at,
        claimed_by: row.claimed_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
        finished_at: row.finished_at,
    })
}
