//! TPVM Config Validation: reads TPVM configuration and operational data from the device, and
//! decides between a Normal Upgrade and a Node Replacement. Where device and EFA DB differ, the
//! device wins.

use std::net::IpAddr;

use ledger::{Facts, Target};
use schemas::Case;
use schemas::tpvm::TpvmConfig;

use super::peer;
use crate::context::Context;
use crate::outcome::{Done, Performed, Progress, Setback};
use crate::slx::{Addresses, Phase, Switch, changes, target_version};
use crate::versions::TpvmVersion;

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let mut device = context.slx(&target).await?;
    let status = device.tpvm_status().await?;
    if let Phase::Working(work) = &status.phase {
        return Ok(Progress::wait(format!("the device is busy: {work}")));
    }
    // A block without a single item says as little as no block.
    let config = device
        .running_config()
        .await?
        .filter(|config| *config != TpvmConfig::default());
    let done = match (config, status.phase) {
        (Some(config), Phase::Running) => {
            normal_upgrade(context, &target, device.as_mut(), config).await?
        }
        (None, Phase::NotInstalled) => node_replacement(context, &target)?,
        (Some(_), Phase::NotInstalled) => {
            return Err(Setback::failed(
                "the device has TPVM configuration, but no TPVM is installed: neither a Normal Upgrade nor a Node Replacement",
                "install the TPVM with `deploy`, or remove the device's TPVM configuration to have it replaced from the EFA DB",
            ));
        }
        (None, Phase::Running | Phase::Stopped) => {
            return Err(Setback::failed(
                "a TPVM is installed, but the device's running-config has no TPVM configuration",
                "convert the TPVM to persistent configuration (`tpvm TPVM` in configuration mode)",
            ));
        }
        (Some(_), Phase::Stopped) => {
            return Err(Setback::failed(
                "the TPVM is installed but not running, so it has no operational data",
                "start the TPVM with `tpvm start` and wait until EFA is up on it",
            ));
        }
        (_, Phase::Working(work)) => {
            return Ok(Progress::wait(format!("the device is busy: {work}")));
        }
    };
    device.close().await;
    Ok(done.into())
}

/// Configuration and operational data are there: the TPVM's address decides.
async fn normal_upgrade(
    context: &Context<'_>,
    target: &Target,
    device: &mut dyn Switch,
    config: TpvmConfig,
) -> Result<Done, Setback> {
    let no_data = |what: &str| {
        Setback::failed(
            format!("the device tells no {what} of its TPVM"),
            "check `show tpvm version` and `show tpvm ip-address` on the device",
        )
    };
    let version = device
        .tpvm_version()
        .await?
        .ok_or_else(|| no_data("version"))?;
    let ips = device.tpvm_ips().await?;
    let tpvm_ip = effective_ip(&config, &ips).ok_or_else(|| no_data("address"))?;
    if !target.nodes.iter().any(|node| node.ip_address == tpvm_ip) {
        return Err(Setback::failed(
            format!("the TPVM's address {tpvm_ip} is none of the EFA peer nodes"),
            "restore the TPVM's management address, or correct the EFA deployment's nodes",
        ));
    }
    peer::require_rejoinable(&config)?;
    let wanted = wanted_version(context, Some(&version))?;

    let persisted = target.tpvm_config.clone().unwrap_or_default();
    let mut facts = Facts {
        from_version: Some(version.to_string()),
        target_version: wanted.as_ref().map(ToString::to_string),
        tpvm_ip: Some(tpvm_ip),
        ..Facts::default()
    };
    let differences = changes(&config, &persisted);
    if !differences.is_empty() {
        facts.config_changes = Some(differences);
        context.save_tpvm_config(&config, &facts).await?;
    }
    context
        .save_operational(Some(&version.to_string()), Some(tpvm_ip))
        .await?;

    let changed = facts
        .config_changes
        .as_ref()
        .or(context.facts().config_changes.as_ref());
    let drift = changed.map_or(String::new(), |changed| {
        format!(
            "; the EFA DB was updated from the device ({})",
            changed.join(", ")
        )
    });
    let detail = match wanted {
        Some(wanted) if wanted == version => {
            format!("TPVM {version} is the target version already{drift}")
        }
        Some(wanted) => format!("TPVM {version} is to be upgraded to {wanted}{drift}"),
        None => format!("TPVM {version} is to be upgraded to an unknown version{drift}"),
    };
    Ok(Done {
        detail,
        facts,
        case: Some(Case::NormalUpgrade),
    })
}

/// Neither configured nor installed: everything comes from the EFA DB.
fn node_replacement(context: &Context<'_>, target: &Target) -> Result<Done, Setback> {
    let config = target.tpvm_config.as_ref().ok_or_else(|| {
        Setback::failed(
            "the device has no TPVM, and the EFA DB has no TPVM configuration of it",
            "configure and install the TPVM by hand",
        )
    })?;
    if config.management.is_none() {
        return Err(Setback::failed(
            "the TPVM configuration in the EFA DB has no management interface",
            "register the device's TPVM configuration with `interface management`",
        ));
    }
    peer::require_rejoinable(config)?;
    if config.trusted_peer.is_some()
        && context
            .step()
            .request
            .trusted_peer_password_secret
            .is_none()
    {
        return Err(Setback::failed(
            "this node had a trusted peer, whose password can't be restored from the EFA DB",
            "request the upgrade again and name the secret that holds the trusted peer's password",
        ));
    }
    let wanted = wanted_version(context, None)?;
    Ok(Done {
        detail: "no TPVM is configured or installed: it is replaced from the EFA DB".to_owned(),
        facts: Facts {
            target_version: wanted.as_ref().map(ToString::to_string),
            tpvm_ip: peer::persisted_tpvm_ip(target),
            ..Facts::default()
        },
        case: Some(Case::NodeReplacement),
    })
}

/// A fixed address counts if the TPVM really has it; with `dhcp` the management interface's.
fn effective_ip(config: &TpvmConfig, ips: &Addresses) -> Option<IpAddr> {
    let fixed = config
        .management
        .as_ref()
        .and_then(|management| management.ip.address());
    match fixed.map(IpAddr::V4) {
        Some(fixed) if ips.contains(fixed) => Some(fixed),
        _ => ips.first().or(ips.others.first().copied()),
    }
}

/// The version that the image's name tells. An unknown or older one needs `force`.
fn wanted_version(
    context: &Context<'_>,
    running: Option<&TpvmVersion>,
) -> Result<Option<TpvmVersion>, Setback> {
    let request = &context.step().request;
    let wanted = target_version(context.dialect(), &request.tpvm_image);
    if request.options.force {
        return Ok(wanted);
    }
    match (&wanted, running) {
        (None, _) => Err(Setback::failed(
            format!(
                "the name of the image {} tells no TPVM version",
                request.tpvm_image
            ),
            "name the image as the vendor does, or force the upgrade",
        )),
        (Some(wanted), Some(running)) if wanted < running => Err(Setback::failed(
            format!("the TPVM runs {running}, which is newer than {wanted}"),
            "choose a newer image, or force the downgrade",
        )),
        _ => Ok(wanted),
    }
}
