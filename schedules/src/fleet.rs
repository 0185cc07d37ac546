//! What the EFA DB knows of a schedule's deployments, and what is requested.

use schemas::inventory::Inventory;
use schemas::tpvm::TpvmConfig;
use schemas::{UpgradeRequest, V1};
use serde_json::{Value, json};

use crate::addresses::{device_ip, peer_ip, tpvm_ip};
use crate::schedule::{Fabric, Schedule};
use crate::world::request_id;

const FIRMWARE_HOST: &str = "192.0.2.50";
const IMAGE: &str = "/images/tpvm_x86_64-4.2.5-0.amd64.deb";

/// Every secret's name; its value is [`SECRET`] and the name.
pub(crate) const SECRETS: [&str; 4] = ["efa", "switch", "firmware", "peer"];
/// What no text may show.
pub(crate) const SECRET: &str = "not-to-be-seen-";

pub(crate) fn inventory(schedule: &Schedule) -> anyhow::Result<Inventory> {
    let deployments = schedule.fabrics.iter().enumerate();
    Ok(serde_json::from_value(json!({
        "deployments": deployments.map(|(index, kind)| deployment(index, *kind)).collect::<Vec<_>>(),
        "firmware_hosts": [{
            "ip_address": FIRMWARE_HOST,
            "protocol": "scp",
            "user": "images",
            "password_secret": "firmware",
        }],
    }))?)
}

fn deployment(index: usize, kind: Fabric) -> Value {
    json!({
        "name": format!("fabric-{index}"),
        "api_url": "https://192.0.2.1/v1",
        "user": "admin",
        "password_secret": "efa",
        "trusted_peer_secrets": ["peer"],
        "nodes": [
            { "ip_address": peer_ip(index), "name": "peer" },
            { "ip_address": tpvm_ip(index), "name": "own" },
        ],
        "devices": [{
            "ip_address": device_ip(index),
            "name": format!("leaf-{index}"),
            "user": "admin",
            "password_secret": "switch",
            "tpvm_config": config(index, kind),
        }],
    })
}

/// The TPVM's configuration, on the device and in the EFA DB.
pub(crate) fn config(index: usize, kind: Fabric) -> TpvmConfig {
    let peer = json!({ "ip": peer_ip(index), "sudo_user": "extreme" });
    let config = json!({
        "management": { "ip": format!("{}/24", tpvm_ip(index)) },
        "auto_boot": true,
        "hostname": format!("tpvm-{index}"),
        "timezone": "Europe/Berlin",
        "ntp_server": "192.0.2.123",
        "trusted_peer": (kind == Fabric::Trusting).then_some(peer),
    });
    // Only a mistake in this file can make it fail; every schedule would show it.
    serde_json::from_value(config).unwrap_or_default()
}

/// The request of this number in a schedule.
pub(crate) fn request(schedule: &Schedule, index: usize) -> anyhow::Result<UpgradeRequest> {
    let fabric = schedule.requests[index].fabric;
    let trusting = schedule.fabrics[fabric] == Fabric::Trusting;
    Ok(UpgradeRequest {
        version: V1,
        request_id: request_id(index),
        ip_address: device_ip(fabric),
        firmware_host: FIRMWARE_HOST.parse()?,
        tpvm_image: IMAGE.parse()?,
        requested_by: "schedule".parse()?,
        trusted_peer_sudo_user: None,
        trusted_peer_password_secret: trusting.then(|| "peer".parse()).transpose()?,
        options: schemas::Options::default(),
    })
}
