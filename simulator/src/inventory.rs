//! The inventory that describes the fleet, as `tpvm-upgrade inventory load` reads it.

use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::efa::Deployment;
use crate::fleet::Credentials;
use crate::settings::{Listen, Settings};
use crate::switch::config::TpvmConfig;
use crate::switch::{Switch, World};

const SLX_PASSWORD: &str = "slx-password";
const EFA_PASSWORD: &str = "efa-password";
const FIRMWARE_PASSWORD: &str = "firmware-password";
const TRUSTED_PEER_PASSWORD: &str = "trusted-peer-password";

#[derive(Serialize)]
struct Inventory<'a> {
    deployments: Vec<DeploymentEntry<'a>>,
    firmware_hosts: Vec<FirmwareHostEntry<'a>>,
}

#[derive(Serialize)]
struct DeploymentEntry<'a> {
    name: &'a str,
    api_url: &'a str,
    user: &'a str,
    password_secret: &'static str,
    trusted_peer_secrets: [&'static str; 1],
    nodes: Vec<NodeEntry<'a>>,
    devices: Vec<DeviceEntry<'a>>,
}

#[derive(Serialize)]
struct NodeEntry<'a> {
    ip_address: String,
    name: &'a str,
}

#[derive(Serialize)]
struct DeviceEntry<'a> {
    ip_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_host: Option<&'a str>,
    ssh_port: u16,
    name: &'a str,
    model: &'a str,
    chassis_name: &'a str,
    user: &'a str,
    password_secret: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpvm_config: Option<&'a TpvmConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpvm_version: Option<&'a str>,
    tpvm_ip: String,
}

#[derive(Serialize)]
struct FirmwareHostEntry<'a> {
    ip_address: String,
    protocol: &'a str,
    user: &'a str,
    password_secret: &'static str,
}

/// The inventory of these deployments.
pub(crate) fn of<'a>(
    world: &World,
    deployments: impl Iterator<Item = &'a Deployment>,
) -> serde_json::Value {
    let inventory = Inventory {
        deployments: deployments
            .map(|deployment| DeploymentEntry {
                name: &deployment.spec.name,
                api_url: &deployment.api_url,
                user: &deployment.world.credentials.efa_user,
                password_secret: EFA_PASSWORD,
                trusted_peer_secrets: [TRUSTED_PEER_PASSWORD],
                nodes: deployment
                    .switches
                    .iter()
                    .map(|switch| NodeEntry {
                        ip_address: switch.spec.tpvm_ip.to_string(),
                        name: &switch.spec.tpvm_name,
                    })
                    .collect(),
                devices: deployment
                    .switches
                    .iter()
                    .map(|switch| device(switch))
                    .collect(),
            })
            .collect(),
        firmware_hosts: world
            .firmware_hosts
            .iter()
            .map(|host| FirmwareHostEntry {
                ip_address: host.address.to_string(),
                protocol: &host.protocol,
                user: &world.credentials.firmware_user,
                password_secret: FIRMWARE_PASSWORD,
            })
            .collect(),
    };
    serde_json::json!(inventory)
}

fn device(switch: &Switch) -> DeviceEntry<'_> {
    let spec = &switch.spec;
    DeviceEntry {
        ip_address: spec.address.to_string(),
        ssh_host: advertised(&switch.world.settings),
        ssh_port: switch.ssh.port(),
        name: &spec.name,
        model: &spec.model,
        chassis_name: &spec.chassis,
        user: &switch.world.credentials.switch_user,
        password_secret: SLX_PASSWORD,
        tpvm_config: spec.persisted.as_ref(),
        tpvm_version: spec.persisted_version.as_deref(),
        tpvm_ip: spec.tpvm_ip.to_string(),
    }
}

/// The name under which everything is reached, if not by its own address.
pub(crate) fn advertised(settings: &Settings) -> Option<&str> {
    match &settings.listen {
        Listen::Loopback => None,
        Listen::Advertised { host, .. } => Some(host),
    }
}

/// Name and value of each secret that the inventory or a request names.
pub(crate) fn secrets(credentials: &Credentials) -> Vec<(&'static str, String)> {
    [
        (SLX_PASSWORD, &credentials.switch_password),
        (EFA_PASSWORD, &credentials.efa_password),
        (FIRMWARE_PASSWORD, &credentials.firmware_password),
        (TRUSTED_PEER_PASSWORD, &credentials.trusted_peer_password),
    ]
    .into_iter()
    .map(|(name, secret)| (name, secret.expose_secret().to_owned()))
    .collect()
}
