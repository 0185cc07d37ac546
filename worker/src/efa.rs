//! The monitor service of the active EFA node, over HTTPS: the state of the nodes, the
//! deployment, and the redeploy of a peer (XCO 3.8.0 API, Monitor and Auth services).

mod api;
mod client;
mod error;
mod http;
mod model;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use api::EfaApi;
pub use client::{Efa, EfaClients};
pub use error::EfaError;

pub use crate::effect::Effect;

/// How EFA is reached.
#[derive(Clone, Debug)]
pub struct EfaSettings {
    /// PEM certificates of the authorities to trust, and no others; without it those of the
    /// operating system.
    pub ca_file: Option<PathBuf>,
    /// The longest that TCP and TLS may take.
    pub connect_timeout: Duration,
    /// The longest that one request may take, connecting and reading the answer included.
    pub request_timeout: Duration,
    /// How often a read is tried, at least once.
    pub read_attempts: u32,
}

/// One node of a deployment as the monitor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its host name.
    pub name: String,
    /// Its address.
    pub ip: IpAddr,
    /// What it does.
    pub role: Role,
    /// Whether it works.
    pub state: NodeState,
    /// Why it doesn't, if it doesn't.
    pub reason: String,
}

/// Whether a node works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It does.
    Up,
    /// It doesn't.
    Down,
    /// Another word: it does not count as up, nor as seen down.
    Other(String),
}

impl NodeStatus {
    /// Whether it surely works.
    pub fn is_up(&self) -> bool {
        self.state == NodeState::Up
    }
}

impl std::fmt::Display for NodeState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NodeState::Up => "up",
            NodeState::Down => "down",
            NodeState::Other(word) if word.is_empty() => "without a state",
            NodeState::Other(word) => word,
        })
    }
}

/// What a node does in its deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves.
    Active,
    /// It stands by.
    Standby,
    /// Another word, or none: empty.
    Other(String),
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Role::Active => "active",
            Role::Standby => "standby",
            Role::Other(word) if word.is_empty() => "without a role",
            Role::Other(word) => word,
        })
    }
}

/// How EFA is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// EFA's version.
    pub version: String,
    /// The addresses of its nodes.
    pub node_ips: Vec<IpAddr>,
    /// When it was deployed, in EFA's own words. It changes with each deployment.
    pub timestamp: Option<String>,
    /// Whether there is more than one node.
    pub multi_node: bool,
}

/// How a redeploy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedeployStatus {
    /// It was accepted.
    Initiated,
    /// It is under way.
    Processing,
    /// It is done.
    Completed,
    /// It failed; why, in EFA's words.
    Failed(String),
    /// EFA knows no redeploy of this id.
    NotFound,
}
