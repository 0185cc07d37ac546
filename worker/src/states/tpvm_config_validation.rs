//! TPVM Config Validation: reads TPVM configuration and operational data from the device, and
//! decides between a Normal Upgrade and a Node Replacement. Where device and EFA DB differ, the
//! device wins.

use std::net::IpAddr;

use ledger::{Facts, Target};
use schemas::Case;
use schemas::tpvm::{TpvmConfig, TrustedPeer};

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
        (Some(config), Phase::NotInstalled) => resumed(context, &target, &config).await?,
        (None, Phase::Running | Phase::Stopped) => {
            return Err(Setback::failed(
                "a TPVM is installed, but the device's running-config has no TPVM configuration",
                "convert the TPVM to persistent configuration (`tpvm TPVM` in configuration mode), then request the upgrade again",
            ));
        }
        (Some(_), Phase::Stopped) => {
            return Err(Setback::failed(
                "the TPVM is installed but not running, so it has no operational data",
                "start the TPVM with `tpvm start`; if EFA ran on it before, wait until EFA is up on it; then request the upgrade again",
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
            "see why `show tpvm version` and `show tpvm ip-address` tell nothing on the device, then request the upgrade again",
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
            "restore the TPVM's management address, or correct the EFA deployment's nodes; then request the upgrade again",
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

/// Configured and not installed: neither case, unless an earlier Node Replacement of ours failed
/// and left this behind. Then it is resumed.
async fn resumed(
    context: &Context<'_>,
    target: &Target,
    config: &TpvmConfig,
) -> Result<Done, Setback> {
    const NEITHER: &str = "the device has TPVM configuration, but no TPVM is installed: neither a \
                           Normal Upgrade nor a Node Replacement";
    const REMEDY: &str = "install the TPVM with `deploy` until EFA is up on it, or remove the \
                          device's TPVM configuration to have it replaced from the EFA DB; then \
                          request the upgrade again";
    let Some(earlier) = context.failed_replacement().await? else {
        return Err(Setback::failed(NEITHER, REMEDY));
    };
    let foreign = foreign(config, &target.tpvm_config.clone().unwrap_or_default());
    if !foreign.is_empty() {
        let foreign = foreign.join(", ");
        return Err(Setback::failed(
            format!("{NEITHER}, and what differs is not from the EFA DB ({foreign})"),
            REMEDY,
        ));
    }
    let done = node_replacement(context, target)?;
    Ok(Done {
        detail: format!(
            "no TPVM is installed, and the configuration is that of the Node Replacement {earlier}, \
             which failed: it is resumed"
        ),
        ..done
    })
}

/// What a device is configured with that does not come from the EFA DB. Items that it lacks were
/// not written yet; a trusted peer's user comes from requests, its password is encoded anew, and
/// `auto-boot` and `deploy` are written whatever the EFA DB has.
fn foreign(device: &TpvmConfig, persisted: &TpvmConfig) -> Vec<String> {
    fn both<T: Clone, U>(persisted: &Option<T>, device: &Option<U>) -> Option<T> {
        persisted.clone().filter(|_| device.is_some())
    }
    let peer = |config: &TpvmConfig| {
        config.trusted_peer.clone().map(|peer| TrustedPeer {
            password: None,
            sudo_user: None,
            ..peer
        })
    };
    let expected = TpvmConfig {
        password: both(&persisted.password, &device.password),
        management: both(&persisted.management, &device.management),
        insight: both(&persisted.insight, &device.insight),
        hostname: both(&persisted.hostname, &device.hostname),
        timezone: both(&persisted.timezone, &device.timezone),
        dns: both(&persisted.dns, &device.dns),
        ntp_server: both(&persisted.ntp_server, &device.ntp_server),
        ldap: both(&persisted.ldap, &device.ldap),
        ldap_ca_cert: both(&persisted.ldap_ca_cert, &device.ldap_ca_cert),
        trusted_peer: both(&peer(persisted), &device.trusted_peer),
        auto_boot: false,
        deploy: false,
    };
    let shown = TpvmConfig {
        trusted_peer: peer(device),
        auto_boot: false,
        deploy: false,
        ..device.clone()
    };
    changes(&shown, &expected)
}

/// Neither configured nor installed: everything comes from the EFA DB.
fn node_replacement(context: &Context<'_>, target: &Target) -> Result<Done, Setback> {
    let config = target.tpvm_config.as_ref().ok_or_else(|| {
        Setback::failed(
            "the device has no TPVM, and the EFA DB has no TPVM configuration of it",
            "configure and install the TPVM by hand, register the device again, then request the upgrade again",
        )
    })?;
    if config.management.is_none() {
        return Err(Setback::failed(
            "the TPVM configuration in the EFA DB has no management interface",
            "register the device's TPVM configuration with `interface management`, then request the upgrade again",
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
            "name the image as the vendor does, or force the upgrade, when you request it again",
        )),
        (Some(wanted), Some(running)) if wanted < running => Err(Setback::failed(
            format!("the TPVM runs {running}, which is newer than {wanted}"),
            "choose a newer image, or force the downgrade, when you request it again",
        )),
        _ => Ok(wanted),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn config(value: serde_json::Value) -> TpvmConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn when_a_configuration_is_a_part_of_the_efa_dbs_then_nothing_of_it_is_foreign() {
        let persisted = config(json!({
            "password": "$9$old", "hostname": "tpvm1", "ntp_server": "10.0.0.1",
            "trusted_peer": {"ip": "10.20.61.93", "password": "$9$a", "sudo_user": "extreme"},
        }));
        for device in [
            json!({}),
            json!({"password": "$9$old"}),
            json!({"hostname": "tpvm1", "auto_boot": true, "deploy": true}),
            json!({"trusted_peer": {"ip": "10.20.61.93", "password": "$9$b"}}),
        ] {
            assert_eq!(foreign(&config(device), &persisted), [""; 0]);
        }
        for device in [
            json!({"hostname": "other"}),
            json!({"timezone": "UTC"}),
            json!({"trusted_peer": {"ip": "10.20.61.94"}}),
        ] {
            assert_eq!(foreign(&config(device), &persisted).len(), 1);
        }
    }
}
