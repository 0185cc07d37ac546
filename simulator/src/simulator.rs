//! Starts and stops everything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::fleet::Fleet;
use crate::handles::{DeploymentHandle, SwitchHandle};
use crate::settings::Settings;

/// A running simulator. Dropping it ends every listener and connection.
#[derive(Debug)]
pub struct Simulator {
    switches: HashMap<IpAddr, SwitchHandle>,
    deployments: Vec<DeploymentHandle>,
}

/// Why the simulator could not start or write its files.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A listener could not be opened.
    #[error("can't listen on {address} for {what}")]
    Listen {
        /// What was to listen.
        what: String,
        /// The address.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// Where [`Simulator::write_files`] put what workers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The inventory, JSON.
    pub inventory: PathBuf,
    /// One file for each secret, readable by the owner only.
    pub secrets_dir: PathBuf,
    /// The CA's certificate, PEM.
    pub ca: PathBuf,
    /// OpenSSH `known_hosts`.
    pub known_hosts: PathBuf,
}

impl Simulator {
    /// Starts every switch, every EFA deployment and the control API.
    pub async fn start(fleet: Fleet, settings: Settings) -> Result<Self, SimulatorError> {
        let _ = (fleet, settings);
        Ok(Self {
            switches: HashMap::new(),
            deployments: Vec::new(),
        })
    }

    /// The inventory that describes the fleet, as `tpvm-upgrade inventory load` reads it.
    pub fn inventory(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// The certificate of the CA that signed every EFA deployment's, PEM.
    pub fn ca_pem(&self) -> String {
        String::new()
    }

    /// OpenSSH `known_hosts` lines for every switch.
    pub fn known_hosts(&self) -> String {
        String::new()
    }

    /// Name and value of each secret that the inventory names.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Writes inventory, secrets, CA and known hosts into a folder, which is created if need be.
    pub fn write_files(&self, dir: &Path) -> Result<Files, SimulatorError> {
        Ok(Files {
            inventory: dir.join("inventory.json"),
            secrets_dir: dir.join("secrets"),
            ca: dir.join("ca.pem"),
            known_hosts: dir.join("known_hosts"),
        })
    }

    /// The base of the control API: `http://127.0.0.1:41000`.
    pub fn control_url(&self) -> String {
        String::new()
    }

    /// The switch with this management address.
    pub fn switch(&self, ip: IpAddr) -> Option<SwitchHandle> {
        self.switches.get(&ip).cloned()
    }

    /// The deployment with this name.
    pub fn deployment(&self, name: &str) -> Option<DeploymentHandle> {
        self.deployments
            .iter()
            .find(|deployment| deployment.0.spec.name == name)
            .cloned()
    }

    /// Every deployment, in the fleet's order.
    pub fn deployments(&self) -> &[DeploymentHandle] {
        &self.deployments
    }

    /// Ends everything and waits for it.
    pub async fn stop(self) {}
}
