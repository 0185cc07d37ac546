//! Notes that the event of an end was published.

use uuid::Uuid;

use crate::coalesce::Statement;
use crate::db::Db;
use crate::error::LedgerError;

pub(crate) struct AnnounceEnds(pub(crate) Db);

impl Statement for AnnounceEnds {
    type Item = Uuid;
    type Key = Uuid;
    type Output = ();

    fn key(item: &Uuid) -> Uuid {
        *item
    }

    async fn run(&self, items: &[Uuid]) -> Result<Vec<Result<(), LedgerError>>, LedgerError> {
        let query = sqlx::query!(
            "
            WITH found AS MATERIALIZED (
                SELECT e.id FROM executions e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
            )
            UPDATE executions e
            SET end_announced_at = now()
            FROM found f
            WHERE e.id = f.id AND e.finished_at IS NOT NULL AND e.end_announced_at IS NULL
            ",
            items,
        );
        self.0.bounded(query.execute(&self.0.pool)).await?;
        Ok(items.iter().map(|_| Ok(())).collect())
    }
}
