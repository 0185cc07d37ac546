//! The EFA DB tables as a whole.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::net::IpAddr;

use schemas::inventory::{Deployment, Inventory};
use sqlx::{Connection, PgConnection};

use super::{deployment, device, firmware_host, operational, tpvm_config};
use crate::db::Db;
use crate::error::LedgerError;
use crate::target::{InventoryCounts, Target};

/// Everything that is read in one transaction belongs together.
const ONE_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(crate) async fn read(db: &Db) -> Result<Inventory, LedgerError> {
    db.bounded_long(async {
        let mut connection = db.pool.take().await?;
        let mut transaction = connection.begin_with(ONE_SNAPSHOT).await?;
        let mut deployments = deployment::select(&mut transaction, None).await?;
        for (name, device) in device::select(&mut transaction, None).await? {
            if let Some(deployment) = deployments.iter_mut().find(|it| it.name.as_str() == name) {
                deployment.devices.push(device);
            }
        }
        let firmware_hosts = firmware_host::all(&mut transaction).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok::<_, LedgerError>(Inventory {
            deployments,
            firmware_hosts,
        })
    })
    .await
}

pub(crate) async fn target(db: &Db, ip: IpAddr) -> Result<Option<Target>, LedgerError> {
    db.bounded(async {
        let mut connection = db.pool.take().await?;
        let mut transaction = connection.begin_with(ONE_SNAPSHOT).await?;
        let device = device::select(&mut transaction, Some(ip)).await?.pop();
        let deployment = match &device {
            Some((name, _)) => deployment::select(&mut transaction, Some(name))
                .await?
                .pop(),
            None => None,
        };
        transaction.commit().await?;
        connection.give_back();
        Ok::<_, LedgerError>(
            device
                .zip(deployment)
                .map(|((name, device), deployment)| Target {
                    tpvm_config: device.tpvm_config.clone(),
                    device,
                    deployment: name,
                    api_url: deployment.api_url,
                    user: deployment.user,
                    password_secret: deployment.password_secret,
                    trusted_peer_secrets: deployment.trusted_peer_secrets,
                    nodes: deployment.nodes,
                }),
        )
    })
    .await
}

/// Writes what the inventory names, and leaves everything else as it is.
pub(crate) async fn load(db: &Db, inventory: &Inventory) -> Result<InventoryCounts, LedgerError> {
    check(inventory)?;
    db.bounded_long(async {
        let mut connection = db.pool.take().await?;
        let mut transaction = connection.begin().await?;
        let counts = save(&mut transaction, inventory).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok::<_, LedgerError>(counts)
    })
    .await
}

/// Rows are written in the order of their keys, table by table, so that two loads at the same
/// time wait for each other instead of deadlocking.
async fn save(
    connection: &mut PgConnection,
    inventory: &Inventory,
) -> Result<InventoryCounts, LedgerError> {
    let mut counts = InventoryCounts::default();
    let mut deployments: Vec<&Deployment> = inventory.deployments.iter().collect();
    deployments.sort_by_key(|deployment| &deployment.name);
    let mut nodes = Vec::new();
    let mut devices = Vec::new();
    for one in deployments {
        deployment::save(connection, one).await?;
        counts.deployments += 1;
        let name = one.name.as_str();
        nodes.extend(one.nodes.iter().map(|node| (name, node)));
        devices.extend(one.devices.iter().map(|device| (name, device)));
    }
    nodes.sort_by_key(|(name, node)| (*name, node.ip_address));
    for (name, node) in nodes {
        deployment::save_node(connection, name, node).await?;
        counts.nodes += 1;
    }
    devices.sort_by_key(|(_, device)| device.ip_address);
    let homes: Vec<(String, IpAddr)> = devices
        .iter()
        .map(|(name, device)| ((*name).to_owned(), device.ip_address))
        .collect();
    device::refuse_moves(connection, &homes).await?;
    for (name, one) in devices {
        device::save(connection, name, one).await?;
        counts.devices += 1;
        if let Some(config) = &one.tpvm_config {
            tpvm_config::save(connection, one.ip_address, config, None).await?;
            counts.tpvm_configs += 1;
        }
        let version = one.tpvm_version.as_ref().map(|version| version.as_str());
        if version.is_some() || one.tpvm_ip.is_some() {
            operational::save(connection, one.ip_address, version, one.tpvm_ip, None).await?;
        }
    }
    let mut hosts: Vec<_> = inventory.firmware_hosts.iter().collect();
    hosts.sort_by_key(|host| host.ip_address);
    for host in hosts {
        firmware_host::save(connection, host).await?;
        counts.firmware_hosts += 1;
    }
    Ok(counts)
}

/// What the types can't say: no key stands there twice.
fn check(inventory: &Inventory) -> Result<(), LedgerError> {
    let deployments = &inventory.deployments;
    once("deployment", deployments.iter().map(|it| &it.name))?;
    let devices = deployments.iter().flat_map(|it| &it.devices);
    once("device", devices.map(|it| it.ip_address))?;
    let hosts = inventory.firmware_hosts.iter();
    once("firmware host", hosts.map(|it| it.ip_address))?;
    for deployment in deployments {
        once("EFA node", deployment.nodes.iter().map(|it| it.ip_address))?;
    }
    Ok(())
}

fn once<K: Eq + Hash + Display + Clone>(
    what: &str,
    keys: impl Iterator<Item = K>,
) -> Result<(), LedgerError> {
    let mut seen = HashSet::new();
    for key in keys {
        if !seen.insert(key.clone()) {
            return Err(LedgerError::Invalid(format!(
                "the inventory names {what} {key} twice; remove one of the entries"
            )));
        }
    }
    Ok(())
}
