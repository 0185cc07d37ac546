//! The EFA nodes, as the states need to judge them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ledger::Target;
use schemas::tpvm::TpvmConfig;

use crate::efa::{NodeStatus, Role};
use crate::outcome::Setback;

/// The two sides of a deployment, seen from the node that is upgraded.
pub struct Nodes<'a> {
    /// The node on the device's TPVM.
    pub own: &'a NodeStatus,
    /// The others.
    pub others: Vec<&'a NodeStatus>,
}

impl<'a> Nodes<'a> {
    /// Splits what EFA says.
    ///
    /// # Errors
    /// A failure if the TPVM is none of the nodes, or the only one.
    pub fn around(tpvm_ip: IpAddr, nodes: &'a [NodeStatus]) -> Result<Self, Setback> {
        let own = nodes
            .iter()
            .find(|node| node.ip == tpvm_ip)
            .ok_or_else(|| {
                Setback::failed(
                    format!("EFA knows no node with the TPVM's address {tpvm_ip}"),
                    "check the TPVM's address and the EFA deployment's nodes",
                )
            })?;
        let others: Vec<_> = nodes.iter().filter(|node| node.ip != tpvm_ip).collect();
        if others.is_empty() {
            return Err(single_node());
        }
        Ok(Self { own, others })
    }

    /// The upgraded node must be the standby, and another one must carry EFA meanwhile.
    ///
    /// # Errors
    /// A failure that says which node is in the way.
    pub fn require_standby(&self) -> Result<(), Setback> {
        let NodeStatus { name, ip, role, .. } = self.own;
        if *role != Role::Standby {
            return Err(Setback::failed(
                format!("the EFA node {name} ({ip}) is {role}, and only a standby can be upgraded"),
                "switch EFA over to the other node, then request the upgrade again",
            ));
        }
        if !self
            .others
            .iter()
            .any(|node| node.up && node.role == Role::Active)
        {
            return Err(Setback::failed(
                "no other EFA node is active and up",
                "recover the active EFA node first: it has to carry EFA during the upgrade",
            ));
        }
        Ok(())
    }

    /// All nodes up, one active, this one standby.
    pub fn healthy(&self) -> bool {
        self.require_standby().is_ok() && self.own.up && self.others.iter().all(|node| node.up)
    }

    /// What keeps the nodes from being healthy, for people.
    pub fn describe(&self) -> String {
        let node = |node: &NodeStatus| {
            let up = if node.up { "up" } else { "down" };
            let reason = if node.reason.is_empty() { "" } else { ": " };
            format!(
                "{} is {} and {up}{reason}{}",
                node.name, node.role, node.reason
            )
        };
        let all = std::iter::once(self.own).chain(self.others.iter().copied());
        all.map(node).collect::<Vec<_>>().join("; ")
    }
}

/// Upgrading the only node would stop EFA (EFA Deployment Guide 2.6.0, "TPVM Upgrade while EFA
/// is Running").
pub fn single_node() -> Setback {
    Setback::failed(
        "the EFA deployment has a single node, which can't be upgraded while EFA runs",
        "upgrade the TPVM by the procedure for single-node deployments",
    )
}

/// The address that the peer expects the TPVM at: the configured one, or with `dhcp` the one it
/// had when last seen.
pub fn persisted_tpvm_ip(target: &Target) -> Option<IpAddr> {
    let configured = target
        .tpvm_config
        .as_ref()
        .and_then(|config| config.management.as_ref())
        .and_then(|management| management.ip.address());
    configured.map(IpAddr::V4).or(target.device.tpvm_ip)
}

/// Whether two lists name the same nodes.
pub fn same_ips(one: &[IpAddr], other: &[IpAddr]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

/// What a TPVM needs so that EFA can be deployed on it (EFA Deployment Guide 3.1.0, "EFA
/// Requirements"): a lower-case host name, and a clock that agrees with the peer's, which an NTP
/// server and the time zone see to.
///
/// # Errors
/// A failure that names the first item in the way.
pub fn require_rejoinable(config: &TpvmConfig) -> Result<(), Setback> {
    let missing = |item: &str| {
        Err(Setback::failed(
            format!("the TPVM configuration has no {item}, and EFA can't rejoin without"),
            format!("configure the {item} of the TPVM, then request the upgrade again"),
        ))
    };
    match &config.hostname {
        None => return missing("hostname"),
        Some(name) if name.as_str().contains(|c: char| c.is_ascii_uppercase()) => {
            return Err(Setback::failed(
                format!(
                    "the TPVM's host name {name} is not in lower case, and EFA can't rejoin under it"
                ),
                "give the TPVM a host name of lower-case letters, digits and hyphens",
            ));
        }
        Some(_) => {}
    }
    if config.ntp_server.is_none() {
        return missing("ntp server");
    }
    if config.timezone.is_none() {
        return missing("timezone");
    }
    Ok(())
}
