//! The events of an execution that could not be published: from which on, and when they are tried
//! again.
//!
//! The first number is the lowest that anybody reports, and goes up only once all before it have
//! been confirmed. Whoever records a move sees in the same row whether there is a backlog, so that
//! its event is either published by whoever recorded it or part of the backlog.

use std::time::Duration;

use uuid::Uuid;

use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::{Backlog, Published};
use crate::values::seconds;

/// The shortest wait between two attempts.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(600);
/// An attempt is made again after so many times less than the time that they have been failing.
const SHARE: f64 = 4.0;

pub(crate) struct DeferEvents(pub(crate) Db);

pub(crate) struct DeferEvent {
    pub(crate) execution_id: Uuid,
    pub(crate) seq: i32,
    pub(crate) sent: bool,
}

impl Statement for DeferEvents {
    type Item = DeferEvent;
    type Key = Uuid;
    type Output = ();

    fn key(item: &DeferEvent) -> Uuid {
        item.execution_id
    }

    async fn run(&self, items: &[DeferEvent]) -> Result<Vec<Result<(), LedgerError>>, LedgerError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.execution_id).collect();
        let seqs: Vec<i32> = items.iter().map(|item| item.seq).collect();
        let sent: Vec<bool> = items.iter().map(|item| item.sent).collect();
        // In the order of ids, as everybody locks several rows. A later event makes the earlier ones
        // due at once: whoever listens and refuses nothing is not to wait for it.
        let query = sqlx::query!(
            "
            WITH asked AS (
                SELECT * FROM unnest($1::uuid[], $2::int[], $3::bool[]) AS t (id, seq, sent)
            ), found AS MATERIALIZED (
                SELECT e.id FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            )
            UPDATE executions e
            SET event_backlog_from = least(e.event_backlog_from, a.seq),
                event_backlog_since = coalesce(e.event_backlog_since, now()),
                event_sent_to = coalesce(e.event_sent_to,
                                         CASE WHEN a.sent THEN a.seq ELSE a.seq - 1 END),
                event_retry_at = CASE WHEN e.event_backlog_from IS NULL AND a.sent
                    THEN now() + make_interval(secs => $4) ELSE now() END
            FROM asked a JOIN found f ON f.id = a.id
            WHERE e.id = a.id
            ",
            &ids,
            &seqs,
            &sent,
            seconds(FIRST),
        );
        self.0.bounded(query.execute(&self.0.pool)).await?;
        Ok(items.iter().map(|_| Ok(())).collect())
    }
}

/// Takes at most `limit` executions whose events are to be tried again, the longest due first. Each
/// is given to one caller, and is due again after a share of the time that it has been failing.
pub(crate) async fn take(db: &Db, limit: i64) -> Result<Vec<Backlog>, LedgerError> {
    // SKIP LOCKED: as for the steps that are due.
    let query = sqlx::query_as!(
        Backlog,
        r#"
        WITH picked AS MATERIALIZED (
            SELECT id FROM executions
            WHERE event_retry_at <= now()
            ORDER BY event_retry_at
            LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE executions e
        SET event_retry_at = now() + least(
            greatest((now() - e.event_backlog_since) / $2, make_interval(secs => $3)),
            make_interval(secs => $4))
        FROM picked p
        WHERE e.id = p.id
        RETURNING e.id AS execution_id, e.event_backlog_from AS "from!", e.event_sent_to AS "sent_to!",
                  extract(epoch FROM now() - e.event_backlog_since)::float8 AS "failing_for!"
        "#,
        limit.max(0),
        SHARE,
        seconds(FIRST),
        seconds(LONGEST),
    );
    db.bounded(query.fetch_all(&db.pool)).await
}

/// Writes what has been published of a backlog that began at `backlog.from` then. All that is recorded
/// by now being confirmed, the backlog is over, and with it the end is announced.
pub(crate) async fn advance(
    db: &Db,
    backlog: &Backlog,
    published: Published,
) -> Result<(), LedgerError> {
    let Published {
        confirmed_to,
        sent_to,
        refused,
    } = published;
    let query = sqlx::query!(
        "
        UPDATE executions e
        SET event_backlog_from = CASE WHEN e.seq > $3 THEN $3 + 1 END,
            event_backlog_since = CASE WHEN e.seq <= $3 THEN NULL
                WHEN $3 >= $2 THEN now() ELSE e.event_backlog_since END,
            event_sent_to = CASE WHEN e.seq > $3 THEN greatest(e.event_sent_to, $4) END,
            event_retry_at = CASE WHEN e.seq <= $3 THEN NULL
                WHEN $5 THEN e.event_retry_at ELSE now() END,
            end_announced_at = CASE WHEN e.seq <= $3 AND e.finished_at IS NOT NULL
                THEN coalesce(e.end_announced_at, now()) ELSE e.end_announced_at END
        WHERE e.id = $1 AND e.event_backlog_from = $2
        ",
        backlog.execution_id,
        backlog.from,
        confirmed_to,
        sent_to,
        refused,
    );
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}
