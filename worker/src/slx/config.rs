//! The TPVM configuration in a switch's running-config: its items, written and read with the
//! dialect's lines, and what differs between two of them.

mod block;
mod changes;

use schemas::tpvm::{CaCertProtocol, Dns, Interface, Ldap, LdapCaCert, TpvmConfig, TrustedPeer};
use serde::Deserialize;

pub(super) use block::{BlockError, lines, parse};
pub use changes::changes;

/// One item of the TPVM configuration, in the order in which items are written: what installs
/// need, then what a running TPVM may be given too (EFA Deployment Guide, topic "TPVM Upgrade
/// Workflow Dependencies"). SLX-OS refuses `deploy` before the install-time items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Item {
    Password,
    Management,
    Insight,
    AutoBoot,
    Hostname,
    Timezone,
    Dns,
    Ntp,
    Ldap,
    LdapCaCert,
    TrustedPeer,
    Deploy,
}

impl Item {
    pub(super) const ALL: [Item; 12] = [
        Item::Password,
        Item::Management,
        Item::Insight,
        Item::AutoBoot,
        Item::Hostname,
        Item::Timezone,
        Item::Dns,
        Item::Ntp,
        Item::Ldap,
        Item::LdapCaCert,
        Item::TrustedPeer,
        Item::Deploy,
    ];

    /// Its key in the dialect.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Item::Password => "password",
            Item::Management => "management",
            Item::Insight => "insight",
            Item::AutoBoot => "auto_boot",
            Item::Hostname => "hostname",
            Item::Timezone => "timezone",
            Item::Dns => "dns",
            Item::Ntp => "ntp",
            Item::Ldap => "ldap",
            Item::LdapCaCert => "ldap_ca_cert",
            Item::TrustedPeer => "trusted_peer",
            Item::Deploy => "deploy",
        }
    }

    /// The values that its line must name.
    pub(super) const fn value_names(self) -> &'static [&'static str] {
        match self {
            Item::Password => &["password"],
            Item::Management | Item::Insight => &["ip", "gateway"],
            Item::AutoBoot | Item::Deploy => &[],
            Item::Hostname => &["hostname"],
            Item::Timezone => &["timezone"],
            Item::Dns => &["primary", "secondary", "domain"],
            Item::Ntp => &["server"],
            Item::Ldap => &["host", "port", "secure", "basedn", "rootdn", "password"],
            Item::LdapCaCert => &[
                "protocol",
                "user",
                "password",
                "host",
                "directory",
                "filename",
            ],
            Item::TrustedPeer => &["ip", "password", "user"],
        }
    }

    /// Those of its values that are only there or not.
    pub(super) const fn flags(self) -> &'static [&'static str] {
        match self {
            Item::Ldap => &["secure"],
            _ => &[],
        }
    }

    /// Its values in a configuration, `None` if the configuration has no such item.
    pub(super) fn values(self, config: &TpvmConfig) -> Option<Vec<(&'static str, Option<String>)>> {
        match self {
            Item::Password => {
                let password = config.password.as_ref()?;
                Some(vec![("password", Some(password.as_str().to_owned()))])
            }
            Item::Management => config.management.as_ref().map(interface),
            Item::Insight => config.insight.as_ref().map(interface),
            Item::AutoBoot => config.auto_boot.then(Vec::new),
            Item::Hostname => Some(vec![(
                "hostname",
                Some(config.hostname.as_ref()?.to_string()),
            )]),
            Item::Timezone => Some(vec![(
                "timezone",
                Some(config.timezone.as_ref()?.to_string()),
            )]),
            Item::Dns => config.dns.as_ref().map(dns),
            Item::Ntp => Some(vec![(
                "server",
                Some(config.ntp_server.as_ref()?.to_string()),
            )]),
            Item::Ldap => config.ldap.as_ref().map(ldap),
            Item::LdapCaCert => config.ldap_ca_cert.as_ref().map(ldap_ca_cert),
            Item::TrustedPeer => config.trusted_peer.as_ref().map(trusted_peer),
            Item::Deploy => config.deploy.then(Vec::new),
        }
    }
}

fn interface(interface: &Interface) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("ip", Some(interface.ip.to_string())),
        (
            "gateway",
            interface.gateway.map(|gateway| gateway.to_string()),
        ),
    ]
}

fn dns(dns: &Dns) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("primary", Some(dns.primary_server.to_string())),
        (
            "secondary",
            dns.secondary_server.as_ref().map(ToString::to_string),
        ),
        ("domain", dns.domain_name.as_ref().map(ToString::to_string)),
    ]
}

fn ldap(ldap: &Ldap) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("host", Some(ldap.host.to_string())),
        ("port", Some(ldap.port.to_string())),
        ("secure", ldap.secure.then(String::new)),
        ("basedn", Some(ldap.basedn.to_string())),
        ("rootdn", ldap.rootdn.as_ref().map(ToString::to_string)),
        (
            "password",
            ldap.password.as_ref().map(|text| text.as_str().to_owned()),
        ),
    ]
}

fn ldap_ca_cert(cert: &LdapCaCert) -> Vec<(&'static str, Option<String>)> {
    let protocol = match cert.protocol {
        CaCertProtocol::Scp => "scp",
    };
    vec![
        ("protocol", Some(protocol.to_owned())),
        ("user", Some(cert.user.to_string())),
        ("password", Some(cert.password.as_str().to_owned())),
        ("host", Some(cert.host.to_string())),
        ("directory", Some(cert.directory.to_string())),
        ("filename", Some(cert.filename.to_string())),
    ]
}

fn trusted_peer(peer: &TrustedPeer) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("ip", Some(peer.ip.to_string())),
        (
            "password",
            peer.password.as_ref().map(|text| text.as_str().to_owned()),
        ),
        ("user", peer.sudo_user.as_ref().map(ToString::to_string)),
    ]
}
