//! Operational data of TPVMs.

use std::net::IpAddr;

use sqlx::PgConnection;

use crate::error::LedgerError;

/// What is `None` stays as it was last seen. `false` if no such device is registered.
pub(crate) async fn save(
    connection: &mut PgConnection,
    device_ip: IpAddr,
    version: Option<&str>,
    tpvm_ip: Option<IpAddr>,
) -> Result<bool, LedgerError> {
    let query = sqlx::query!(
        "
        INSERT INTO tpvm_operational (device_ip, version, tpvm_ip)
        SELECT ip_address, $2, $3::text::inet FROM devices WHERE ip_address = $1::text::inet
        ON CONFLICT (device_ip) DO UPDATE
        SET version = coalesce(excluded.version, tpvm_operational.version),
            tpvm_ip = coalesce(excluded.tpvm_ip, tpvm_operational.tpvm_ip),
            seen_at = now()
        ",
        device_ip.to_string(),
        version,
        tpvm_ip.map(|ip| ip.to_string()),
    );
    Ok(query.execute(connection).await?.rows_affected() == 1)
}
