//! Registered devices.

use std::net::IpAddr;

use schemas::inventory::Device;
use sqlx::PgConnection;
use uuid::Uuid;

use super::tpvm_config;
use crate::error::LedgerError;
use crate::values::{Columns, Subject};

struct Stored {
    ip_address: String,
    deployment: String,
    ssh_host: Option<String>,
    ssh_port: i32,
    name: String,
    model: Option<String>,
    chassis_name: Option<String>,
    login: String,
    password_secret: Option<String>,
    private_key_secret: Option<String>,
    version: Option<String>,
    tpvm_ip: Option<String>,
}

pub(crate) async fn save(
    connection: &mut PgConnection,
    deployment: &str,
    device: &Device,
) -> Result<(), LedgerError> {
    let query = sqlx::query!(
        "
        INSERT INTO devices (ip_address, deployment, ssh_host, ssh_port, name, model,
                             chassis_name, login, password_secret, private_key_secret)
        VALUES ($1::text::inet, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (ip_address) DO UPDATE
        SET (deployment, ssh_host, ssh_port, name, model, chassis_name, login, password_secret,
             private_key_secret)
          = (excluded.deployment, excluded.ssh_host, excluded.ssh_port, excluded.name,
             excluded.model, excluded.chassis_name, excluded.login, excluded.password_secret,
             excluded.private_key_secret)
        ",
        device.ip_address.to_string(),
        deployment,
        device.ssh_host.as_ref().map(|host| host.as_str()),
        i32::from(device.ssh_port),
        device.name.as_str(),
        device.model.as_ref().map(|model| model.as_str()),
        device.chassis_name.as_ref().map(|name| name.as_str()),
        device.user.as_str(),
        device.password_secret.as_ref().map(|name| name.as_str()),
        device.private_key_secret.as_ref().map(|name| name.as_str()),
    );
    query.execute(connection).await?;
    Ok(())
}

/// One device, or all in the order of their addresses, each with the name of its deployment and
/// with what is persisted of its TPVM.
pub(crate) async fn select(
    connection: &mut PgConnection,
    ip: Option<IpAddr>,
) -> Result<Vec<(String, Device)>, LedgerError> {
    let query = sqlx::query_as!(
        Stored,
        r#"
        SELECT host(d.ip_address) AS "ip_address!", d.deployment, d.ssh_host, d.ssh_port, d.name,
               d.model, d.chassis_name, d.login, d.password_secret, d.private_key_secret,
               o.version AS "version?", host(o.tpvm_ip) AS "tpvm_ip?"
        FROM devices d LEFT JOIN tpvm_operational o ON o.device_ip = d.ip_address
        WHERE $1::text IS NULL OR d.ip_address = $1::inet
        ORDER BY d.ip_address
        "#,
        ip.map(|ip| ip.to_string()),
    );
    let rows = query.fetch_all(&mut *connection).await?;
    let mut configs = tpvm_config::select(connection, ip).await?;
    rows.into_iter()
        .map(|row| {
            let mut device = row.read()?;
            device.tpvm_config = configs.remove(&device.ip_address);
            Ok((row.deployment, device))
        })
        .collect()
}

impl Stored {
    fn read(&self) -> Result<Device, LedgerError> {
        let subject = Subject(format!("device {}", self.ip_address));
        Ok(Device {
            ip_address: subject.read("ip_address", &self.ip_address)?,
            ssh_host: subject.read_some("ssh_host", self.ssh_host.as_deref())?,
            ssh_port: subject.port("ssh_port", self.ssh_port)?,
            name: subject.read("name", &self.name)?,
            model: subject.read_some("model", self.model.as_deref())?,
            chassis_name: subject.read_some("chassis_name", self.chassis_name.as_deref())?,
            user: subject.read("login", &self.login)?,
            password_secret: subject
                .read_some("password_secret", self.password_secret.as_deref())?,
            private_key_secret: subject
                .read_some("private_key_secret", self.private_key_secret.as_deref())?,
            tpvm_config: None,
            tpvm_version: subject.read_some("version", self.version.as_deref())?,
            tpvm_ip: subject.read_some("tpvm_ip", self.tpvm_ip.as_deref())?,
        })
    }
}

/// Refuses what would move a device to another deployment while an upgrade of it runs: the rule
/// of one upgrade for each deployment holds by the deployment that an execution began with.
pub(crate) async fn refuse_moves(
    connection: &mut PgConnection,
    devices: &[(String, IpAddr)],
) -> Result<(), LedgerError> {
    let (deployments, addresses): (Vec<String>, Vec<String>) = devices
        .iter()
        .map(|(deployment, ip)| (deployment.clone(), ip.to_string()))
        .unzip();
    // A request may be accepted at this moment by the device's old deployment. FOR UPDATE waits
    // for such an insert to be seen below, and keeps later ones waiting until the device has
    // moved; see `accept`. Those for devices that stay go on meanwhile. In the order of addresses,
    // so that two loads and many requests don't deadlock.
    let query = sqlx::query_scalar!(
        r#"
        SELECT host(d.ip_address) AS "ip_address!"
        FROM devices d
        WHERE EXISTS (
            SELECT FROM unnest($1::text[], $2::text[]) AS t (deployment, ip_address)
            WHERE d.ip_address = t.ip_address::inet AND d.deployment <> t.deployment)
        ORDER BY d.ip_address
        FOR UPDATE
        "#,
        &deployments,
        &addresses,
    );
    if query.fetch_all(&mut *connection).await?.is_empty() {
        return Ok(());
    }
    match running_elsewhere(connection, &deployments, &addresses).await? {
        None => Ok(()),
        Some((device, from, execution)) => Err(LedgerError::Invalid(format!(
            "device {device} can't leave deployment {from} while execution {execution} runs; \
             wait for it to end"
        ))),
    }
}

/// A device that would leave the deployment of its running execution: device, deployment and
/// execution.
async fn running_elsewhere(
    connection: &mut PgConnection,
    deployments: &[String],
    addresses: &[String],
) -> Result<Option<(String, String, Uuid)>, LedgerError> {
    let query = sqlx::query!(
        r#"
        SELECT host(e.ip_address) AS "device!", e.deployment AS "deployment!", e.id AS "execution!"
        FROM unnest($1::text[], $2::text[]) AS t (deployment, ip_address)
        JOIN executions e ON e.ip_address = t.ip_address::inet AND e.deployment <> t.deployment
        WHERE e.finished_at IS NULL
        ORDER BY e.ip_address
        LIMIT 1
        "#,
        deployments,
        addresses,
    );
    let row = query.fetch_optional(connection).await?;
    Ok(row.map(|row| (row.device, row.deployment, row.execution)))
}
