//! A fleet by formula.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Credentials, DeploymentSpec, FirmwareHost, Fleet, SwitchSpec};
use crate::faults::Fault;
use crate::switch::config::{Dns, Interface, Ldap, LdapCaCert, TpvmConfig, TrustedPeer, encode};
use crate::switch::login::Login;
use crate::switch::profile::Profile;

/// The firmware host of a generated fleet.
pub const FIRMWARE_HOST: Ipv4Addr = Ipv4Addr::new(10, 31, 2, 50);

/// The images on it, with their versions.
const IMAGES: [(&str, &str); 3] = [
    ("/images/tpvm_x86_64-4.2.4-0.amd64.deb", "4.2.4"),
    ("/images/tpvm_x86_64-4.2.5-0.amd64.deb", "4.2.5"),
    ("/images/tpvm_x86_64-4.3.0-0.amd64.deb", "4.3.0"),
];

/// What the second switch of a deployment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standby {
    /// A standby node as it should be.
    #[default]
    Installed,
    /// A switch put in place of a broken one: no TPVM configuration, no TPVM, an image in
    /// `/tftpboot/SWBD2900`.
    Replaced,
}

/// What differs from the formula in one deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeploymentOptions {
    /// The name; otherwise `efa-` and the number of the deployment, from 1.
    pub name: Option<String>,
    /// What the second switch is.
    pub standby: Standby,
    /// The SLX-OS version of both switches; otherwise `20.3.2a`.
    pub firmware: Option<String>,
    /// The version of installed TPVMs; otherwise `4.2.4`.
    pub tpvm_version: Option<String>,
    /// The EFA version; otherwise `3.1.0`.
    pub efa_version: Option<String>,
    /// The version of the image on the second switch, if replaced; otherwise `4.2.5`.
    pub image: Option<String>,
    /// What sessions with both switches are like.
    pub profile: Profile,
    /// How both switches take logins.
    pub login: Login,
    /// Faults of the EFA API.
    pub faults: Vec<Fault>,
    /// Faults of the switches' command lines.
    pub switch_faults: Vec<NodeFault>,
}

/// A fault of one switch of a deployment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFault {
    /// 0 for the first switch (active), 1 for the second (standby).
    pub node: usize,
    /// The fault.
    pub fault: Fault,
}

impl Fleet {
    /// `n` deployments of two installed nodes, the first active.
    pub fn generate(n: usize) -> Self {
        Self::with(&vec![DeploymentOptions::default(); n])
    }

    /// One deployment of two nodes for each of the options.
    pub fn with(options: &[DeploymentOptions]) -> Self {
        let credentials = Credentials::random();
        Self {
            firmware_hosts: vec![FirmwareHost {
                address: IpAddr::V4(FIRMWARE_HOST),
                protocol: "scp".to_owned(),
                images: IMAGES
                    .iter()
                    .map(|(path, version)| ((*path).to_owned(), (*version).to_owned()))
                    .collect::<BTreeMap<_, _>>(),
            }],
            deployments: options
                .iter()
                .enumerate()
                .map(|(index, options)| deployment(index, options, &credentials))
                .collect(),
            credentials,
        }
    }
}

impl Credentials {
    /// Usual names, passwords of this run only.
    pub fn random() -> Self {
        let password = || SecretString::from(uuid::Uuid::new_v4().simple().to_string());
        Self {
            switch_user: "admin".to_owned(),
            switch_password: password(),
            authorized_keys: Vec::new(),
            efa_user: "extreme".to_owned(),
            efa_password: password(),
            firmware_user: "fw".to_owned(),
            firmware_password: password(),
            trusted_peer_password: password(),
        }
    }
}

fn deployment(
    index: usize,
    options: &DeploymentOptions,
    credentials: &Credentials,
) -> DeploymentSpec {
    let or =
        |given: &Option<String>, usual: &str| given.clone().unwrap_or_else(|| usual.to_owned());
    let switches = (0..2)
        .map(|node| {
            let number = 2 * index + node;
            let config = full_config(number, credentials);
            let tpvm_version = or(&options.tpvm_version, "4.2.4");
            let replaced = node == 1 && options.standby == Standby::Replaced;
            SwitchSpec {
                address: numbered([127, 20], number),
                name: format!("slx{}", number + 1),
                model: "3012".to_owned(),
                chassis: "SLX9250-32C".to_owned(),
                firmware: or(&options.firmware, "20.3.2a"),
                tpvm_ip: numbered([10, 20], number),
                tpvm_name: format!("tpvm{}", number + 1),
                tpvm_version: (!replaced).then(|| tpvm_version.clone()),
                config: (!replaced).then(|| config.clone()),
                persisted: Some(config),
                persisted_version: Some(tpvm_version),
                profile: options.profile,
                login: options.login,
                image: replaced.then(|| or(&options.image, "4.2.5")),
                faults: options
                    .switch_faults
                    .iter()
                    .filter(|fault| fault.node == node)
                    .map(|fault| fault.fault.clone())
                    .collect(),
            }
        })
        .collect();
    DeploymentSpec {
        name: or(&options.name, &format!("efa-{}", index + 1)),
        address: numbered([127, 60], index),
        efa_version: or(&options.efa_version, "3.1.0"),
        active: 0,
        switches,
        faults: options.faults.clone(),
    }
}

/// The address with this number in a `/16`, leaving out what could be taken for a network's or a
/// broadcast address.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both parts stay below 256 up to 63,500"
)]
fn numbered([a, b]: [u8; 2], number: usize) -> Ipv4Addr {
    Ipv4Addr::new(a, b, (number / 250) as u8, (number % 250 + 1) as u8)
}

/// Every item, as on a node of a deployment; the trusted peer on second nodes only.
fn full_config(number: usize, credentials: &Credentials) -> TpvmConfig {
    let address = numbered([10, 20], number);
    let [_, _, third, fourth] = address.octets();
    TpvmConfig {
        password: Some(encode("tpvm-password")),
        management: Some(Interface {
            ip: format!("{address}/16"),
            gateway: Some(Ipv4Addr::new(10, 20, 255, 254)),
        }),
        insight: Some(Interface {
            ip: format!("10.30.{third}.{fourth}/16"),
            gateway: Some(Ipv4Addr::new(10, 30, 255, 254)),
        }),
        auto_boot: true,
        hostname: Some(format!("tpvm{}", number + 1)),
        timezone: Some("America/Los_Angeles".to_owned()),
        dns: Some(Dns {
            primary_server: "10.31.2.10".to_owned(),
            secondary_server: Some("10.31.2.11".to_owned()),
            domain_name: Some("example.com".to_owned()),
        }),
        ntp_server: Some("10.31.2.12".to_owned()),
        ldap: Some(Ldap {
            host: "10.31.2.13".to_owned(),
            port: 389,
            secure: true,
            basedn: "dc=example,dc=com".to_owned(),
            rootdn: Some("cn=admin,dc=example,dc=com".to_owned()),
            password: Some(encode("ldap-password")),
        }),
        ldap_ca_cert: Some(LdapCaCert {
            protocol: "scp".to_owned(),
            user: credentials.firmware_user.clone(),
            password: encode(credentials.firmware_password.expose_secret()),
            host: FIRMWARE_HOST.to_string(),
            directory: "/certs".to_owned(),
            filename: "ldap-ca.pem".to_owned(),
        }),
        trusted_peer: (number % 2 == 1).then(|| TrustedPeer {
            ip: IpAddr::V4(numbered([10, 20], number - 1)),
            password: Some(encode(credentials.trusted_peer_password.expose_secret())),
            sudo_user: Some("extreme".to_owned()),
        }),
        deploy: true,
    }
}
