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
    /// Splits what EFA says. A list without the node, with the node alone or with two of its
    /// address is no evidence of anything: EFA's monitor gathers it from nodes that come and go.
    ///
    /// # Errors
    /// A setback that says what is missing.
    pub fn around(tpvm_ip: IpAddr, nodes: &'a [NodeStatus]) -> Result<Self, Setback> {
        let (own, others): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.ip == tpvm_ip);
        match own[..] {
            [own] if !others.is_empty() => Ok(Self { own, others }),
            [_] => Err(single_node()),
            [] => Err(Setback::unreadable(
                format!("EFA knows no node with the TPVM's address {tpvm_ip}"),
                "check the TPVM's address and the EFA deployment's nodes, then request the upgrade again",
            )),
            _ => Err(Setback::unreadable(
                format!("EFA knows several nodes with the TPVM's address {tpvm_ip}"),
                "check the EFA deployment's nodes, then request the upgrade again",
            )),
        }
    }

    /// The upgraded node must be the standby, and another one must carry EFA meanwhile. That it is
    /// the one active node is evidence; two active ones, none, or an unknown role are not.
    ///
    /// # Errors
    /// A setback that says which node is in the way.
    pub fn require_standby(&self) -> Result<(), Setback> {
        let NodeStatus { name, ip, role, .. } = self.own;
        let other_active = self.others.iter().any(|node| node.role == Role::Active);
        if *role != Role::Standby {
            let cause =
                format!("the EFA node {name} ({ip}) is {role}, and only a standby can be upgraded");
            let remedy = "switch EFA over to the other node, then request the upgrade again";
            return Err(match *role == Role::Active && !other_active {
                true => Setback::failed(cause, remedy),
                false => Setback::unreadable(cause, remedy),
            });
        }
        if !self
            .others
            .iter()
            .any(|node| node.is_up() && node.role == Role::Active)
        {
            return Err(Setback::unreadable(
                "no other EFA node is active and up",
                "recover the active EFA node, which has to carry EFA during the upgrade, then request the upgrade again",
            ));
        }
        Ok(())
    }

    /// All nodes up, one active, this one standby.
    pub fn healthy(&self) -> bool {
        self.require_standby().is_ok()
            && self.own.is_up()
            && self.others.iter().all(|node| node.is_up())
    }

    /// What keeps the nodes from being healthy, for people.
    pub fn describe(&self) -> String {
        let node = |node: &NodeStatus| {
            let NodeStatus {
                name,
                role,
                state,
                reason,
                ..
            } = node;
            let colon = if reason.is_empty() { "" } else { ": " };
            format!("{name} is {role} and {state}{colon}{reason}")
        };
        let all = std::iter::once(self.own).chain(self.others.iter().copied());
        all.map(node).collect::<Vec<_>>().join("; ")
    }
}

/// Upgrading the only node would stop EFA (EFA Deployment Guide 2.6.0, "TPVM Upgrade while EFA
/// is Running").
pub fn single_node() -> Setback {
    Setback::unreadable(
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
/// A setback that names the first item in the way. It was there before the upgrade, so once a
/// command was sent the answer is doubted and not the TPVM.
pub fn require_rejoinable(config: &TpvmConfig) -> Result<(), Setback> {
    let missing = |item: &str| {
        Err(Setback::unreadable(
            format!("the TPVM configuration has no {item}, and EFA can't rejoin without"),
            format!("configure the {item} of the TPVM, then request the upgrade again"),
        ))
    };
    match &config.hostname {
        None => return missing("hostname"),
        Some(name) if name.as_str().contains(|c: char| c.is_ascii_uppercase()) => {
            return Err(Setback::unreadable(
                format!(
                    "the TPVM's host name {name} is not in lower case, and EFA can't rejoin under it"
                ),
                "give the TPVM a host name of lower-case letters, digits and hyphens, then request the upgrade again",
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
