//! Reads recorded moves for publishing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemas::status::{detailed_status, status};
use schemas::{Event, EventKind, State, UpdateState, V1, Verdict};
use uuid::Uuid;

use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{Failure, StepRef, Transitioned};
use crate::values::{Columns, Row, failure, seconds};

struct Stored {
    id: Uuid,
    request_id: Uuid,
    ip_address: String,
    deployment: Option<String>,
    requested_by: String,
    seq: i32,
    from_state: String,
    to_state: String,
    upgrade_case: Option<String>,
    detail: Option<String>,
    failed_state: Option<String>,
    failure_cause: Option<String>,
    failure_remedy: Option<String>,
    earlier_cause: Option<String>,
    earlier_remedy: Option<String>,
    verdict: Option<String>,
    ended_at: DateTime<Utc>,
    backlogged: bool,
}

/// The moves for which a condition on `e` (the execution) and `h` (the history) holds.
macro_rules! moves {
    ($condition:literal, $($parameter:expr),+) => {
        sqlx::query_as!(
            Stored,
            r#"
            SELECT e.id AS "id!", e.request_id AS "request_id!",
                   host(e.ip_address) AS "ip_address!", e.deployment AS "deployment?",
                   e.requested_by AS "requested_by!", h.seq AS "seq!",
                   h.from_state AS "from_state!", h.to_state AS "to_state!",
                   h.upgrade_case AS "upgrade_case?", h.detail AS "detail?",
                   h.failed_state AS "failed_state?", h.failure_cause AS "failure_cause?",
                   h.failure_remedy AS "failure_remedy?", e.failure_cause AS "earlier_cause?",
                   e.failure_remedy AS "earlier_remedy?", h.verdict AS "verdict?",
                   h.ended_at AS "ended_at!",
                   e.event_backlog_from IS NOT NULL AS "backlogged!"
            FROM executions e JOIN history h ON h.execution_id = e.id
            "# + $condition,
            $($parameter),+
        )
    };
}

/// Move `seq` of one execution.
pub(crate) async fn one(db: &Db, id: Uuid, seq: i32) -> Result<Option<Transitioned>, LedgerError> {
    let query = moves!("WHERE e.id = $1 AND h.seq = $2", id, seq);
    let row = db.bounded(query.fetch_optional(&db.pool)).await?;
    row.map(transitioned).transpose()
}

/// At most `limit` moves of one execution from `from` on, in their order.
pub(crate) async fn since(
    db: &Db,
    id: Uuid,
    from: i32,
    limit: i64,
) -> Result<Vec<Transitioned>, LedgerError> {
    let query = moves!(
        "WHERE e.id = $1 AND h.seq >= $2 ORDER BY h.seq LIMIT $3",
        id,
        from,
        limit
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    rows.into_iter().map(transitioned).collect()
}

/// The last moves of at most `limit` executions that ended longer ago than `older_than` without
/// their end having been announced, the earliest first, without those of `except`.
pub(crate) async fn unannounced_ends(
    db: &Db,
    older_than: Duration,
    limit: i64,
    except: &[Uuid],
) -> Result<Vec<Result<Transitioned, LedgerError>>, LedgerError> {
    let query = moves!(
        "WHERE e.finished_at IS NOT NULL AND e.end_announced_at IS NULL
           AND e.finished_at <= now() - make_interval(secs => $1) AND h.seq = e.seq
           AND e.event_backlog_from IS NULL AND e.id <> ALL ($3)
         ORDER BY e.finished_at
         LIMIT $2",
        seconds(older_than),
        limit.max(0),
        except
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    Ok(rows.into_iter().map(transitioned).collect())
}

fn transitioned(row: Stored) -> Result<Transitioned, LedgerError> {
    let columns = Row(row.id);
    let to: State = columns.read("to_state", &row.to_state)?;
    let case: Option<schemas::Case> =
        columns.read_some("upgrade_case", row.upgrade_case.as_deref())?;
    let failed_state: Option<State> =
        columns.read_some("failed_state", row.failed_state.as_deref())?;
    let verdict: Option<Verdict> = columns.read_some("verdict", row.verdict.as_deref())?;
    let event = Event {
        version: V1,
        kind: match verdict {
            None => EventKind::StateChanged,
            Some(_) => EventKind::Finished,
        },
        execution_id: row.id,
        request_id: row.request_id,
        seq: row.seq,
        ip_address: columns.read("ip_address", &row.ip_address)?,
        deployment: row.deployment,
        requested_by: columns.read("requested_by", &row.requested_by)?,
        from_state: columns.read("from_state", &row.from_state)?,
        state: to,
        update_state: UpdateState::of(verdict),
        status: status(to, verdict),
        detailed_status: detail(
            row.detail,
            failure(row.failure_cause, row.failure_remedy),
            failure(row.earlier_cause, row.earlier_remedy),
            verdict,
        ),
        failed_state: failed_state.map_or_else(String::new, State::failed_slug),
        upgrade_type: case.map(|case| case.upgrade_type().to_owned()),
        verdict,
        time: row.ended_at,
    };
    let next = verdict.is_none().then_some(StepRef {
        execution_id: row.id,
        seq: row.seq,
        state: to,
    });
    Ok(Transitioned {
        event,
        next,
        failed_state,
        backlogged: row.backlogged,
    })
}

/// An upgrade that ends badly says why, also when the last step (a roll-back) went well.
fn detail(
    done: Option<String>,
    failure: Option<Failure>,
    earlier: Option<Failure>,
    verdict: Option<Verdict>,
) -> String {
    let failure = failure.or(earlier.filter(|_| verdict.is_some()));
    let failure = failure
        .as_ref()
        .map(|failure| (&*failure.cause, &*failure.remedy));
    detailed_status(verdict, failure, done.as_deref())
}
