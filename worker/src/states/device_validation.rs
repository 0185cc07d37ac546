//! Device Validation: the device has TPVM configuration persisted in the EFA DB, its TPVM is one
//! of the EFA peer nodes, and everything that the upgrade will need is there.

use ledger::{Facts, Target};

use super::peer::{self, Nodes};
use crate::context::Context;
use crate::outcome::{Done, Performed, Setback};
use crate::slx::{Phase, Switch, target_version};

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let tpvm_ip = registered(&target)?;
    secrets_resolve(context, &target).await?;

    let mut device = context.slx(&target).await?;
    let slx_version = device.slx_version().await?;
    if slx_version < *context.minimum_slx() {
        return Err(Setback::failed(
            format!(
                "the device runs SLX-OS {slx_version}, and `tpvm upgrade` needs {} or later",
                context.minimum_slx()
            ),
            "upgrade SLX-OS on the device first, then request the upgrade again",
        ));
    }

    let efa = context.efa(&target)?;
    let deployment = efa.deployment().await?;
    if !deployment.multi_node {
        return Err(peer::single_node());
    }
    let nodes = efa.nodes().await?;
    let nodes = Nodes::around(tpvm_ip, &nodes)?;
    nodes.require_standby()?;
    if let Some(down) = nodes.others.iter().find(|node| !node.is_up()) {
        return Err(Setback::failed(
            format!(
                "the EFA node {} ({}) is down: {}",
                down.name, down.ip, down.reason
            ),
            "recover that node first, then request the upgrade again",
        ));
    }
    if !nodes.own.is_up() {
        may_be_down(context, device.as_mut(), &nodes).await?;
    }
    device.close().await;

    Ok(Done {
        detail: format!(
            "SLX-OS {slx_version}; EFA {} with this node as standby",
            deployment.version
        ),
        facts: Facts {
            slx_version: Some(slx_version.to_string()),
            efa_version: Some(deployment.version),
            efa_node_ips: Some(deployment.node_ips),
            tpvm_ip: Some(tpvm_ip),
            ..Facts::default()
        },
        case: None,
    }
    .into())
}

/// What the EFA DB itself can tell.
fn registered(target: &Target) -> Result<std::net::IpAddr, Setback> {
    let device = target.device.ip_address;
    if target.tpvm_config.is_none() {
        return Err(Setback::failed(
            format!("the device {device} has no TPVM configuration persisted in the EFA DB"),
            "configure the TPVM in the device's running-config, register the device again, then request the upgrade again",
        ));
    }
    if target.nodes.len() < 2 {
        return Err(peer::single_node());
    }
    let tpvm_ip = peer::persisted_tpvm_ip(target).ok_or_else(|| {
        Setback::failed(
            format!("the EFA DB has no TPVM address of the device {device}"),
            "register the device again while its TPVM runs, then request the upgrade again",
        )
    })?;
    if !target.nodes.iter().any(|node| node.ip_address == tpvm_ip) {
        return Err(Setback::failed(
            format!("the TPVM address {tpvm_ip} is none of the EFA peer nodes"),
            "correct the TPVM's management address or the deployment's node addresses and register them again, then request the upgrade again",
        ));
    }
    Ok(tpvm_ip)
}

/// Each secret that a later state will ask for is there now, before anything is changed.
async fn secrets_resolve(context: &Context<'_>, target: &Target) -> Result<(), Setback> {
    let host = context.firmware_host().await?;
    let device = &target.device;
    let logins = [&device.password_secret, &device.private_key_secret];
    if logins.iter().all(|secret| secret.is_none()) {
        return Err(Setback::failed(
            format!(
                "the device {} is registered without a password or key",
                device.ip_address
            ),
            "register the device with the name of a secret to log in with, then request the upgrade again",
        ));
    }
    context.trusted_peer_password(target)?;
    let needed = logins
        .into_iter()
        .flatten()
        .chain([&target.password_secret, &host.password_secret]);
    for name in needed {
        context.secret(name)?;
    }
    Ok(())
}

/// A standby that is down has no business being upgraded, with two exceptions: a replaced switch,
/// whose TPVM does not exist yet, and a TPVM that runs the target version and only has to rejoin.
async fn may_be_down(
    context: &Context<'_>,
    device: &mut dyn Switch,
    nodes: &Nodes<'_>,
) -> Result<(), Setback> {
    if device.tpvm_status().await?.phase == Phase::NotInstalled {
        return Ok(());
    }
    let wanted = target_version(context.dialect(), &context.step().request.tpvm_image);
    if wanted.is_some() && device.tpvm_version().await? == wanted {
        return Ok(());
    }
    Err(Setback::failed(
        format!("not both EFA nodes are up: {}", nodes.describe()),
        "recover EFA on that node first, then request the upgrade again",
    ))
}
