//! The TPVM configuration that EFA persists: every item of the topic "TPVM Upgrade Workflow
//! Dependencies" of the EFA Deployment Guide (2.5.1, 2.7.0).

use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{
    DistinguishedName, EncodedSecret, Host, HostName, InterfaceIp, RemotePath, TimeZone, UserName,
    address,
};

/// The `tpvm TPVM` block of a device's running-config, as far as EFA persists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TpvmConfig {
    /// The TPVM's password, encoded. Absent: the device's default. Before install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<EncodedSecret>,
    /// The management interface (eth0). Before install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<Interface>,
    /// The Insight interface (eth1). Before install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insight: Option<Interface>,
    /// Starts the TPVM with the device. Must be on for a TPVM that runs EFA.
    #[serde(default)]
    pub auto_boot: bool,
    /// The TPVM's host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostName>,
    /// The TPVM's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<TimeZone>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// The time server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ntp_server: Option<Host>,
    /// The LDAP server for logins to the TPVM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap: Option<Ldap>,
    /// Where the LDAP server's CA certificate comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ldap_ca_cert: Option<LdapCaCert>,
    /// Key exchange with the other node's TPVM. Exists on one of the two nodes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_peer: Option<TrustedPeer>,
    /// The TPVM is to be installed, started and configured.
    #[serde(default)]
    pub deploy: bool,
}

/// One interface of the TPVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its address.
    pub ip: InterfaceIp,
    /// Its gateway; none with `dhcp`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "address::optional_v4"
    )]
    #[schemars(with = "Option<address::AddressV4>")]
    pub gateway: Option<Ipv4Addr>,
}

/// Name resolution in the TPVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The first name server.
    pub primary_server: Host,
    /// The second name server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_server: Option<Host>,
    /// The search domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<Host>,
}

/// An LDAP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ldap {
    /// Its name or address.
    pub host: Host,
    /// Its TCP port.
    pub port: u16,
    /// Use TLS.
    #[serde(default)]
    pub secure: bool,
    /// Where searches start.
    pub basedn: DistinguishedName,
    /// Who searches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootdn: Option<DistinguishedName>,
    /// The searcher's password, encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<EncodedSecret>,
}

/// Where a TPVM fetches its LDAP CA certificate. For a node replacement the certificate must
/// lie on the firmware host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapCaCert {
    /// The transfer protocol: `scp` is the only one documented.
    pub protocol: CaCertProtocol,
    /// The user on that host.
    pub user: UserName,
    /// The user's password, encoded.
    pub password: EncodedSecret,
    /// The host.
    pub host: Host,
    /// The folder on that host.
    pub directory: RemotePath,
    /// The file's name.
    pub filename: RemotePath,
}

/// How the LDAP CA certificate is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaCertProtocol {
    /// Secure copy.
    Scp,
}

/// Key exchange with the other node's TPVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedPeer {
    /// The other TPVM.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub ip: IpAddr,
    /// The password as the device encodes it. It can't be pushed again: whoever restores the
    /// trusted peer must supply the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<EncodedSecret>,
    /// The sudo user on the other TPVM; `extreme` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<UserName>,
}
