//! What is simulated: EFA deployments, the switches that carry them, the hosts with images.

mod file;
mod generate;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use secrecy::SecretString;

pub use self::file::FleetFileError;
pub use self::generate::{DeploymentOptions, FIRMWARE_HOST, NodeFault, Standby};
use crate::faults::Fault;
use crate::switch::config::TpvmConfig;
use crate::switch::login::Login;
use crate::switch::profile::Profile;

/// Everything that is simulated.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The logins that switches, EFA and firmware hosts accept.
    pub credentials: Credentials,
    /// The hosts that serve TPVM images.
    pub firmware_hosts: Vec<FirmwareHost>,
    /// The EFA deployments with their switches.
    pub deployments: Vec<DeploymentSpec>,
}

/// The logins that the simulator accepts, one set for the whole fleet.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The login on each switch.
    pub switch_user: String,
    /// Its password: the secret `slx-password`.
    pub switch_password: SecretString,
    /// Public keys accepted for that login, as in an OpenSSH `authorized_keys` file.
    pub authorized_keys: Vec<String>,
    /// The login of each EFA deployment.
    pub efa_user: String,
    /// Its password: the secret `efa-password`.
    pub efa_password: SecretString,
    /// The login on each firmware host.
    pub firmware_user: String,
    /// Its password: the secret `firmware-password`.
    pub firmware_password: SecretString,
    /// The password for the other TPVM: the secret `trusted-peer-password`.
    pub trusted_peer_password: SecretString,
}

/// A host that serves TPVM images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareHost {
    /// Its address, as the upgrade command names it. Nothing listens there.
    pub address: IpAddr,
    /// The transfer protocol: `scp` or `sftp`.
    pub protocol: String,
    /// Absolute path of each image, and the TPVM version in it.
    pub images: BTreeMap<String, String>,
}

/// One EFA deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentSpec {
    /// Its name, unique.
    pub name: String,
    /// Its virtual IP, where its API listens.
    pub address: Ipv4Addr,
    /// The EFA version, for example `3.1.0`.
    pub efa_version: String,
    /// The index in `switches` of the node that is active.
    pub active: usize,
    /// The switches whose TPVMs are the nodes; two in a supported deployment.
    pub switches: Vec<SwitchSpec>,
    /// Faults of the API, from the start.
    pub faults: Vec<Fault>,
}

/// One SLX switch and its TPVM.
#[derive(Clone, Debug, PartialEq)]
pub struct SwitchSpec {
    /// Its management address, where SSH listens.
    pub address: Ipv4Addr,
    /// Its name, as the prompt shows it.
    pub name: String,
    /// The vendor's model number.
    pub model: String,
    /// The chassis.
    pub chassis: String,
    /// The SLX-OS version, for example `20.3.2a`.
    pub firmware: String,
    /// The TPVM's address, as EFA knows the node.
    pub tpvm_ip: Ipv4Addr,
    /// The TPVM's host name, as EFA knows the node.
    pub tpvm_name: String,
    /// The version of the installed TPVM; none: not installed.
    pub tpvm_version: Option<String>,
    /// The `tpvm TPVM` block of the running-config; none: no such block.
    pub config: Option<TpvmConfig>,
    /// What EFA persisted of that block, for the inventory.
    pub persisted: Option<TpvmConfig>,
    /// The version that EFA persisted, for the inventory.
    pub persisted_version: Option<String>,
    /// The version of the image in `/tftpboot/SWBD2900`; none: no image.
    pub image: Option<String>,
    /// What a session with it is like.
    pub profile: Profile,
    /// How it takes logins.
    pub login: Login,
    /// Faults of the command line, from the start.
    pub faults: Vec<Fault>,
}
