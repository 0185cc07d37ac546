//! Operational data of TPVMs.

use std::net::IpAddr;

use sqlx::PgConnection;

use crate::error::LedgerError;
use crate::execution::ClaimToken;

/// What is `None` stays as it was last seen. `false` if no such device is registered, or if a
/// claim is named that is lost. The claim's row is locked, so that nobody takes the step over
/// before this is written.
pub(crate) async fn save(
    connection: &mut PgConnection,
    device_ip: IpAddr,
    version: Option<&str>,
    tpvm_ip: Option<IpAddr>,
    held: Option<&ClaimToken>,
) -> Result<bool, LedgerError> {
    let query = sqlx::query!(
        "
        INSERT INTO tpvm_operational (device_ip, version, tpvm_ip)
        SELECT ip_address, $2, $3::text::inet
        FROM devices
        WHERE ip_address = $1::text::inet
          AND ($4::uuid IS NULL OR EXISTS (
              SELECT FROM executions e
              WHERE e.id = $4 AND e.seq = $5 AND e.claim_token = $6
              FOR NO KEY UPDATE))
        ON CONFLICT (device_ip) DO UPDATE
        SET version = coalesce(excluded.version, tpvm_operational.version),
            tpvm_ip = coalesce(excluded.tpvm_ip, tpvm_operational.tpvm_ip),
            seen_at = now()
        ",
        device_ip.to_string(),
        version,
        tpvm_ip.map(|ip| ip.to_string()),
        held.map(|token| token.execution_id),
        held.map(|token| token.seq),
        held.map(|token| token.token),
    );
    Ok(query.execute(connection).await?.rows_affected() == 1)
}
