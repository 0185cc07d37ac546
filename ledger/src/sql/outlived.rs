//! Claims whose holders live.

use crate::db::Db;
use crate::error::LedgerError;
use crate::execution::ClaimToken;

/// The claim ran out under a worker that lives: it does not count as one that died. Whoever holds
/// the step now, if anybody does, is not concerned.
pub(crate) async fn outlived(db: &Db, token: &ClaimToken) -> Result<(), LedgerError> {
    let query = sqlx::query!(
        "UPDATE executions SET claims = claims - 1 WHERE id = $1 AND seq = $2 AND claims > 0",
        token.execution_id,
        token.seq,
    );
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}
