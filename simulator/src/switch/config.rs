//! The `tpvm TPVM` block of a running-config.

mod encode;
mod parse;
mod show;

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

pub(crate) use self::encode::encode;
pub(crate) use self::parse::{ItemError, item_name};

/// The items of the block. Serialised, it is the inventory's `tpvm_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TpvmConfig {
    /// `password`, encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// `interface management`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<Interface>,
    /// `interface insight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insight: Option<Interface>,
    /// `auto-boot`.
    pub auto_boot: bool,
    /// `hostname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// `timezone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// `dns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// `ntp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ntp_server: Option<String>,
    /// `ldap host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ldap: Option<Ldap>,
    /// `ldap ca-cert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ldap_ca_cert: Option<LdapCaCert>,
    /// `trusted-peer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_peer: Option<TrustedPeer>,
    /// `deploy`: present from the moment that it was given.
    pub deploy: bool,
}

/// `interface management` or `interface insight`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `dhcp`, or address and prefix length.
    pub ip: String,
    /// The gateway; none with `dhcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
}

/// `dns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// `primary-server`.
    pub primary_server: String,
    /// `secondary-server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secondary_server: Option<String>,
    /// `domain-name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
}

/// `ldap host`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ldap {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// With TLS.
    pub secure: bool,
    /// Where searches start.
    pub basedn: String,
    /// Who searches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootdn: Option<String>,
    /// The searcher's password, encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `ldap ca-cert`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LdapCaCert {
    /// `scp`.
    pub protocol: String,
    /// The user on the host.
    pub user: String,
    /// The user's password, encoded.
    pub password: String,
    /// The host.
    pub host: String,
    /// The folder.
    pub directory: String,
    /// The file.
    pub filename: String,
}

/// `trusted-peer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustedPeer {
    /// The other TPVM.
    pub ip: IpAddr,
    /// The password on the other TPVM, encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The sudo user on the other TPVM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
}
