//! The inventory as it is shown: encoded passwords only for those who ask.

use std::io;

use schemas::inventory::{Device, Inventory};
use schemas::values::SecretName;
use serde::Serialize;
use serde_json::Value;

use crate::table::Table;

/// Stands for an encoded password. No device encodes to it, and loading refuses it.
const REDACTED: &str = "[redacted]";

/// `value` as JSON.
pub(super) fn json(value: &impl Serialize, with_passwords: bool) -> io::Result<Value> {
    let mut json = serde_json::to_value(value)?;
    if !with_passwords {
        redact(&mut json);
    }
    Ok(json)
}

/// Secrets are fields with this name, whatever holds them; names of secrets are not.
fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "password" && !field.is_null() {
                    *field = REDACTED.into();
                } else {
                    redact(field);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(redact),
        _ => {}
    }
}

pub(super) fn tables(inventory: &Inventory, with_passwords: bool) -> Vec<Table> {
    vec![
        deployments(inventory),
        devices(inventory, with_passwords),
        firmware_hosts(inventory),
    ]
}

fn deployments(inventory: &Inventory) -> Table {
    Table::new(
        "EFA Deployment Details",
        [
            "Name",
            "API URL",
            "User",
            "Password Secret",
            "Trusted Peer Secrets",
            "EFA Nodes",
        ],
        inventory.deployments.iter().map(|deployment| {
            let nodes = deployment
                .nodes
                .iter()
                .map(|node| format!("{} {}", node.ip_address, node.name));
            [
                deployment.name.to_string(),
                deployment.api_url.clone(),
                deployment.user.to_string(),
                deployment.password_secret.to_string(),
                lines(&deployment.trusted_peer_secrets),
                nodes.collect::<Vec<_>>().join("\n"),
            ]
        }),
    )
}

fn devices(inventory: &Inventory, with_passwords: bool) -> Table {
    let all = inventory.deployments.iter().flat_map(|deployment| {
        let name = deployment.name.as_str();
        deployment.devices.iter().map(move |device| (name, device))
    });
    Table::new(
        "Device Details",
        [
            "IP Address",
            "Host Name",
            "Model",
            "Chassis Name",
            "EFA Deployment",
            "SSH",
            "User",
            "Secrets",
            "TPVM IP",
            "TPVM Version",
            "TPVM Config",
        ],
        all.map(|(deployment, device)| {
            [
                device.ip_address.to_string(),
                device.name.to_string(),
                text(device.model.as_ref()),
                text(device.chassis_name.as_ref()),
                deployment.to_owned(),
                ssh(device),
                device.user.to_string(),
                secrets(device),
                text(device.tpvm_ip.as_ref()),
                text(device.tpvm_version.as_ref()),
                tpvm_config(device, with_passwords),
            ]
        }),
    )
}

fn firmware_hosts(inventory: &Inventory) -> Table {
    Table::new(
        "Firmware Host Details",
        ["IP Address", "Protocol", "User", "Password Secret"],
        inventory.firmware_hosts.iter().map(|host| {
            [
                host.ip_address.to_string(),
                host.protocol.as_str().to_owned(),
                host.user.to_string(),
                host.password_secret.to_string(),
            ]
        }),
    )
}

fn text(value: Option<&impl ToString>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

/// Where SSH reaches the device, if not in the usual way.
fn ssh(device: &Device) -> String {
    match (&device.ssh_host, device.ssh_port) {
        (None, 22) => String::new(),
        (None, port) => format!("port {port}"),
        (Some(host), port) => format!("{host} port {port}"),
    }
}

fn secrets(device: &Device) -> String {
    let named = [&device.private_key_secret, &device.password_secret];
    lines(named.into_iter().flatten())
}

fn lines<'a>(names: impl IntoIterator<Item = &'a SecretName>) -> String {
    let names = names.into_iter().map(ToString::to_string);
    names.collect::<Vec<_>>().join("\n")
}

/// One line for each item that is set, for example `management.ip 10.20.246.102/24`.
fn tpvm_config(device: &Device, with_passwords: bool) -> String {
    let mut lines = Vec::new();
    if let Ok(config) = json(&device.tpvm_config, with_passwords) {
        flatten("", &config, &mut lines);
    }
    lines.join("\n")
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                flatten(&path, field, lines);
            }
        }
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => lines.push(path.to_owned()),
        Value::String(text) => lines.push(format!("{path} {text}")),
        other => lines.push(format!("{path} {other}")),
    }
}
