//! What the EFA DB tables know of the device that is to be upgraded.

use schemas::inventory::{Device, EfaNode};
use schemas::tpvm::TpvmConfig;
use schemas::values::{SecretName, UserName};

/// A registered device with its deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The device.
    pub device: Device,
    /// The name of its EFA deployment.
    pub deployment: String,
    /// The base of the deployment's REST API, with the version.
    pub api_url: String,
    /// The user who may redeploy a peer.
    pub user: UserName,
    /// The name of the secret that holds that user's password.
    pub password_secret: SecretName,
    /// The names of the secrets that a request may name as a trusted peer's password.
    pub trusted_peer_secrets: Vec<SecretName>,
    /// The deployment's EFA peer nodes, by address.
    pub nodes: Vec<EfaNode>,
    /// The device's persisted TPVM configuration: the same as in [`Target::device`].
    pub tpvm_config: Option<TpvmConfig>,
}

/// How many rows an inventory named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InventoryCounts {
    /// EFA deployments.
    pub deployments: usize,
    /// EFA peer nodes.
    pub nodes: usize,
    /// Devices.
    pub devices: usize,
    /// Persisted TPVM configurations.
    pub tpvm_configs: usize,
    /// Firmware hosts.
    pub firmware_hosts: usize,
}
