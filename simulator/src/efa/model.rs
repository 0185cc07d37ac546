//! The monitor's answers, as the vendor's OpenAPI specification (3.8.0) has them.

use serde::Serialize;

use super::{Deployment, Model};

/// `NodesStatus`: the answer of `GET /monitor/status/efa`.
#[derive(Serialize)]
pub(super) struct NodesStatus {
    nodes: Vec<NodeStatus>,
}

#[derive(Serialize)]
struct NodeStatus {
    name: String,
    status: &'static str,
    role: &'static str,
    #[serde(rename = "IP")]
    ip: String,
    galera_host: bool,
    galera_size: usize,
    reason: String,
    pod_count_running: u32,
    pod_count_failed: u32,
    pod_count_stopped: u32,
}

/// How many pods run on a healthy node.
const PODS: u32 = 25;

impl NodesStatus {
    /// The nodes as they are seen; all up, if the view is stale.
    pub(super) fn of(deployment: &Deployment, stale: bool) -> Self {
        let up: Vec<bool> = deployment
            .switches
            .iter()
            .map(|switch| stale || deployment.is_up(switch))
            .collect();
        let members = up.iter().filter(|up| **up).count();
        let nodes = deployment
            .switches
            .iter()
            .zip(up)
            .map(|(switch, up)| NodeStatus {
                name: switch.spec.tpvm_name.clone(),
                status: if up { "up" } else { "down" },
                role: deployment.role(switch),
                ip: switch.spec.tpvm_ip.to_string(),
                galera_host: up,
                galera_size: if up { members } else { 0 },
                reason: if up {
                    ""
                } else {
                    "node is not reachable or EFA is not installed"
                }
                .to_owned(),
                pod_count_running: if up { PODS } else { 0 },
                pod_count_failed: 0,
                pod_count_stopped: if up { 0 } else { PODS },
            })
            .collect();
        Self { nodes }
    }
}

/// `DeploymentConfig`: the answer of `GET /monitor/deployment`.
#[derive(Serialize)]
pub(super) struct DeploymentConfig {
    setupconfig: [SetupConfig; 1],
    nodes: Nodes,
}

#[derive(Serialize)]
struct SetupConfig {
    version: String,
    r#type: &'static str,
    mode: &'static str,
    platform: &'static str,
    secure: &'static str,
    #[serde(rename = "virtualIP")]
    virtual_ip: String,
    #[serde(rename = "nodeCount")]
    node_count: String,
    #[serde(rename = "hostIP")]
    host_ip: String,
    #[serde(rename = "PeerIPs")]
    peer_ips: String,
    #[serde(rename = "NodeIPs")]
    node_ips: String,
    user: &'static str,
    #[serde(rename = "installDir")]
    install_dir: &'static str,
    #[serde(rename = "configFile")]
    config_file: &'static str,
    build: &'static str,
    timestamp: String,
    #[serde(rename = "workDir")]
    work_dir: &'static str,
}

#[derive(Serialize)]
struct Nodes {
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    name: String,
    status: &'static str,
    roles: &'static str,
    age: &'static str,
    version: &'static str,
    active: String,
    arch: &'static str,
    hostname: String,
    os: &'static str,
}

impl DeploymentConfig {
    pub(super) fn of(deployment: &Deployment, model: &Model) -> Self {
        let active = deployment.active_node();
        let ips = |wanted: &dyn Fn(usize) -> bool| {
            let switches = deployment
                .switches
                .iter()
                .filter(|switch| wanted(switch.node));
            switches
                .map(|switch| switch.spec.tpvm_ip.to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        let multi = deployment.switches.len() > 1;
        Self {
            setupconfig: [SetupConfig {
                version: model.efa_version.clone(),
                r#type: if multi { "multi-node" } else { "single-node" },
                mode: "secure",
                platform: "TPVM",
                secure: "true",
                virtual_ip: deployment.spec.address.to_string(),
                node_count: deployment.switches.len().to_string(),
                host_ip: ips(&|node| node == active),
                peer_ips: ips(&|node| node != active),
                node_ips: ips(&|_| true),
                user: "extreme",
                install_dir: "/apps/efa",
                config_file: "/apps/efa/efa.conf",
                build: "109",
                timestamp: model.timestamp(),
                work_dir: "/apps/efa",
            }],
            nodes: Nodes {
                nodes: deployment
                    .switches
                    .iter()
                    .map(|switch| {
                        let up = deployment.is_up(switch);
                        Node {
                            name: switch.spec.tpvm_name.clone(),
                            status: if up { "Ready" } else { "NotReady" },
                            roles: "control-plane,master",
                            age: "30d",
                            version: "v1.20.6+k3s1",
                            active: (switch.node == active).to_string(),
                            arch: "amd64",
                            hostname: switch.spec.tpvm_name.clone(),
                            os: "linux",
                        }
                    })
                    .collect(),
            },
        }
    }
}
