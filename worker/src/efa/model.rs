//! What EFA's answers say, read tolerantly: fields may be missing where their meaning is not
//! needed, and numbers may be texts.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::{Deployment, NodeState, NodeStatus, RedeployStatus, Role};

/// `NodesStatus`; the list may also stand alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Nodes {
    Wrapped { nodes: Vec<Node> },
    Bare(Vec<Node>),
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    name: String,
    status: String,
    #[serde(default)]
    role: String,
    #[serde(rename = "IP")]
    ip: IpAddr,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct DeploymentConfig {
    setupconfig: Vec<SetupConfig>,
}

#[derive(Deserialize)]
struct SetupConfig {
    version: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, rename = "nodeCount")]
    node_count: Value,
    #[serde(default, rename = "hostIP")]
    host_ip: String,
    #[serde(default, rename = "PeerIPs")]
    peer_ips: String,
    #[serde(default, rename = "NodeIPs")]
    node_ips: String,
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

#[derive(Deserialize)]
struct Redeploy {
    status: String,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct ErrorModel {
    message: String,
}

pub(super) fn nodes(body: &[u8]) -> Result<Vec<NodeStatus>, String> {
    let nodes = match json(body)? {
        Nodes::Wrapped { nodes } | Nodes::Bare(nodes) => nodes,
    };
    let status = |node: Node| NodeStatus {
        name: node.name,
        ip: node.ip,
        role: match node.role.to_ascii_lowercase().as_str() {
            "active" => Role::Active,
            "standby" => Role::Standby,
            _ => Role::Other(bounded(&node.role)),
        },
        state: match node.status.to_ascii_lowercase().as_str() {
            "up" => NodeState::Up,
            "down" => NodeState::Down,
            _ => NodeState::Other(bounded(&node.status)),
        },
        reason: node.reason.unwrap_or_default(),
    };
    Ok(nodes.into_iter().map(status).collect())
}

pub(super) fn deployment(body: &[u8]) -> Result<Deployment, String> {
    let found: DeploymentConfig = json(body)?;
    let mut deployments = found.setupconfig.into_iter().map(setup);
    let first = deployments.next().ok_or("it names no deployment")??;
    for other in deployments {
        if other? != first {
            return Err("it names several deployments that differ".to_owned());
        }
    }
    Ok(first)
}

fn setup(setup: SetupConfig) -> Result<Deployment, String> {
    if setup.version.is_empty() {
        return Err("it names no version".to_owned());
    }
    let mut node_ips = addresses(&setup.node_ips)?;
    if node_ips.is_empty() {
        node_ips = addresses(&format!("{},{}", setup.host_ip, setup.peer_ips))?;
    }
    if node_ips.is_empty() {
        return Err("it names no node".to_owned());
    }
    let count = match &setup.node_count {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let multi_node = match count {
        Some(count) => count > 1,
        None if setup.kind.is_empty() => node_ips.len() > 1,
        None => setup.kind.to_ascii_lowercase().starts_with("multi"),
    };
    Ok(Deployment {
        version: setup.version,
        node_ips,
        timestamp: setup.timestamp.filter(|time| !time.is_empty()),
        multi_node,
    })
}

/// Addresses between commas, blanks or brackets.
fn addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    text.split([',', ' ', '[', ']'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse()
                .map_err(|_| "a node's address is no IP address".to_owned())
        })
        .collect()
}

/// The id of an accepted redeploy.
pub(super) fn accepted(body: &[u8]) -> Result<String, String> {
    let Accepted { id } = json(body)?;
    if is_id(&id) {
        Ok(id)
    } else {
        Err("the id of the redeploy is not usable".to_owned())
    }
}

/// Whether a text can stand as one part of a path: an id such as a UUID.
pub(super) fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=128).contains(&id.len()) && id.chars().all(allowed)
}

pub(super) fn redeploy(body: &[u8]) -> Result<RedeployStatus, String> {
    let Redeploy { status, message } = json(body)?;
    match status.to_ascii_lowercase().as_str() {
        "initiated" => Ok(RedeployStatus::Initiated),
        "processing" => Ok(RedeployStatus::Processing),
        "completed" => Ok(RedeployStatus::Completed),
        "failed" => Ok(RedeployStatus::Failed(match message.as_deref() {
            None | Some("") => "EFA says no reason".to_owned(),
            Some(message) => bounded(message),
        })),
        other => Err(format!(
            "the status of the redeploy is none of those documented: {}",
            bounded(other)
        )),
    }
}

/// Whether a body is EFA's own way to report an error.
pub(super) fn is_error(body: &[u8]) -> bool {
    serde_json::from_slice::<ErrorModel>(body).is_ok()
}

/// What an error says, at most 512 bytes: EFA's message, or whatever stands there instead.
pub(super) fn message(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(ErrorModel { message }) if !message.is_empty() => bounded(&message),
        _ => shown(body),
    }
}

/// The beginning of an answer that is not what it should be, for people.
pub(super) fn shown(body: &[u8]) -> String {
    let text = bounded(&String::from_utf8_lossy(body));
    match text.trim() {
        "" => "nothing".to_owned(),
        text => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn bounded(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut length = 0;
    clean
        .take_while(|c| {
            length += c.len_utf8();
            length <= 512
        })
        .collect()
}

/// The error says what was wrong and where, but no content.
pub(super) fn json<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "lacks a field or has one of another kind",
            _ => "is no whole JSON",
        };
        format!(
            "the answer {what} (line {}, column {})",
            error.line(),
            error.column()
        )
    })
}

#[cfg(test)]
mod tests;
