//! Firmware hosts.

use std::net::IpAddr;

use schemas::inventory::{FirmwareHost, TransferProtocol};
use sqlx::PgConnection;

use crate::db::Db;
use crate::error::LedgerError;
use crate::values::{Columns, Subject};

struct Stored {
    ip_address: String,
    protocol: String,
    login: String,
    password_secret: String,
}

pub(crate) async fn one(db: &Db, ip: IpAddr) -> Result<Option<FirmwareHost>, LedgerError> {
    let query = sqlx::query_as!(
        Stored,
        r#"
        SELECT host(ip_address) AS "ip_address!", protocol, login, password_secret
        FROM firmware_hosts
        WHERE ip_address = $1::text::inet
        "#,
        ip.to_string(),
    );
    let row = db.bounded(query.fetch_optional(&db.pool)).await?;
    row.map(read).transpose()
}

pub(crate) async fn all(connection: &mut PgConnection) -> Result<Vec<FirmwareHost>, LedgerError> {
    let query = sqlx::query_as!(
        Stored,
        r#"
        SELECT host(ip_address) AS "ip_address!", protocol, login, password_secret
        FROM firmware_hosts
        ORDER BY ip_address
        "#,
    );
    let rows = query.fetch_all(connection).await?;
    rows.into_iter().map(read).collect()
}

pub(crate) async fn save(
    connection: &mut PgConnection,
    host: &FirmwareHost,
) -> Result<(), LedgerError> {
    let query = sqlx::query!(
        "
        INSERT INTO firmware_hosts (ip_address, protocol, login, password_secret)
        VALUES ($1::text::inet, $2, $3, $4)
        ON CONFLICT (ip_address) DO UPDATE
        SET protocol = excluded.protocol,
            login = excluded.login,
            password_secret = excluded.password_secret
        ",
        host.ip_address.to_string(),
        host.protocol.as_str(),
        host.user.as_str(),
        host.password_secret.as_str(),
    );
    query.execute(connection).await?;
    Ok(())
}

fn read(row: Stored) -> Result<FirmwareHost, LedgerError> {
    let subject = Subject(format!("firmware host {}", row.ip_address));
    Ok(FirmwareHost {
        ip_address: subject.read("ip_address", &row.ip_address)?,
        protocol: match row.protocol.as_str() {
            "scp" => TransferProtocol::Scp,
            "sftp" => TransferProtocol::Sftp,
            _ => return Err(subject.unreadable("protocol", "expected scp or sftp")),
        },
        user: subject.read("login", &row.login)?,
        password_secret: subject.read("password_secret", &row.password_secret)?,
    })
}
