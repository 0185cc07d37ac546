//! The inventory file: what the EFA DB knows of deployments, devices and firmware hosts.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tpvm::TpvmConfig;
use crate::values::{Host, Label, SecretName, UserName, address, api_url};

/// Everything that `tpvm-upgrade inventory load` writes to the EFA DB tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// The EFA deployments with their nodes and devices.
    #[serde(default)]
    pub deployments: Vec<Deployment>,
    /// The hosts that serve TPVM images.
    #[serde(default)]
    pub firmware_hosts: Vec<FirmwareHost>,
}

/// One EFA deployment (cluster).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Its name, unique.
    pub name: Label,
    /// The base of its REST API, with the version: `https://<virtual-ip>/v1`. HTTPS only, up to
    /// 255 characters, without a user, a query or a fragment.
    #[serde(deserialize_with = "api_url::deserialize")]
    #[schemars(length(max = api_url::MAX_LEN), regex(pattern = api_url::PATTERN))]
    pub api_url: String,
    /// The user who may redeploy a peer.
    pub user: UserName,
    /// The name of the secret that holds that user's password.
    pub password_secret: SecretName,
    /// The names of the secrets that a request may name in `trusted_peer_password_secret`. Absent
    /// or empty: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_peer_secrets: Vec<SecretName>,
    /// The EFA peer nodes: the TPVMs that run EFA.
    pub nodes: Vec<EfaNode>,
    /// The switches whose TPVMs run this deployment.
    pub devices: Vec<Device>,
}

/// One EFA peer node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EfaNode {
    /// The address of the TPVM.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub ip_address: IpAddr,
    /// The TPVM's host name.
    pub name: Host,
}

/// One registered SLX switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The switch's management address, unique.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub ip_address: IpAddr,
    /// Where SSH reaches the switch, if not at its management address (NAT, port forwarding).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_host: Option<Host>,
    /// The TCP port of its SSH server.
    #[serde(default = "ssh_port")]
    pub ssh_port: u16,
    /// The switch's host name.
    pub name: Host,
    /// The vendor's model number, for example `3012`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Label>,
    /// The chassis, for example `SLX9250-32C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chassis_name: Option<Label>,
    /// The login on the switch.
    pub user: UserName,
    /// The name of the secret that holds the login's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretName>,
    /// The name of the secret that holds a private key in OpenSSH format, tried first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_secret: Option<SecretName>,
    /// The persisted TPVM configuration; absent where the device had none when registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpvm_config: Option<TpvmConfig>,
    /// Operational data: the TPVM's image version when last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpvm_version: Option<Label>,
    /// Operational data: the TPVM's management address when last seen.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "address::optional"
    )]
    #[schemars(with = "Option<address::Address>")]
    pub tpvm_ip: Option<IpAddr>,
}

/// A host that serves TPVM images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirmwareHost {
    /// Its address, unique.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub ip_address: IpAddr,
    /// How images are fetched from it.
    pub protocol: TransferProtocol,
    /// The login on it.
    pub user: UserName,
    /// The name of the secret that holds the login's password.
    pub password_secret: SecretName,
}

/// How a switch fetches an image. The vendor's API lists these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TransferProtocol {
    /// Secure copy.
    Scp,
    /// SSH file transfer.
    Sftp,
}

impl TransferProtocol {
    /// The word in messages, commands and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            TransferProtocol::Scp => "scp",
            TransferProtocol::Sftp => "sftp",
        }
    }
}

const fn ssh_port() -> u16 {
    22
}
