//! One EFA deployment, from outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::counters::{CallRecord, Counts};
use crate::efa::Deployment;
use crate::faults::{Fault, UnknownCall};

/// A deployment as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeploymentState {
    /// Its name.
    pub name: String,
    /// The base of its API, with the version.
    pub api_url: String,
    /// The EFA version.
    pub efa_version: String,
    /// When EFA was last deployed, as the API shows it.
    pub timestamp: String,
    /// Its nodes, as the monitor shows them.
    pub nodes: Vec<NodeState>,
    /// A redeploy is under way.
    pub redeploying: bool,
}

/// One node, as the monitor shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeState {
    /// The TPVM's address, as EFA knows it.
    pub ip: Ipv4Addr,
    /// The TPVM's host name, as EFA knows it.
    pub name: String,
    /// `active` or `standby`.
    pub role: String,
    /// `up` or `down`.
    pub status: String,
}

/// What to change of a deployment, behind everyone's back. Absent: as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeploymentChange {
    /// The index of the active node, from 0.
    pub active: Option<usize>,
    /// The EFA version.
    pub efa_version: Option<String>,
}

/// A deployment, from outside.
#[derive(Clone, Debug)]
pub struct DeploymentHandle(pub(crate) Arc<Deployment>);

impl DeploymentHandle {
    /// The base of its API, with the version: `https://127.60.0.1:41234/v1`.
    pub fn api_url(&self) -> String {
        self.0.api_url.clone()
    }

    /// Where its API listens.
    pub fn api_address(&self) -> SocketAddr {
        self.0.listening
    }

    /// The deployment as it is now.
    pub fn state(&self) -> DeploymentState {
        self.0.state()
    }

    /// Changes the deployment.
    pub fn set(&self, change: DeploymentChange) {
        self.0.change(change);
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// The fault is of an endpoint that doesn't exist.
    pub fn fault(&self, fault: Fault) -> Result<(), UnknownCall> {
        self.0.faults.add(fault)
    }

    /// The faults that are still to come.
    pub fn faults(&self) -> Vec<Fault> {
        self.0.faults.all()
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// How often the call changed something, by its name in [`CALLS`](crate::CALLS).
    pub fn effects(&self, name: &str) -> u64 {
        self.counts().effects.get(name).copied().unwrap_or(0)
    }

    /// How often the call arrived.
    pub fn received(&self, name: &str) -> u64 {
        self.counts().received.get(name).copied().unwrap_or(0)
    }

    /// Both of each call.
    pub fn counts(&self) -> Counts {
        self.0.counters.counts()
    }

    /// The last two thousand calls.
    pub fn commands(&self) -> Vec<CallRecord> {
        self.0.counters.calls()
    }
}
