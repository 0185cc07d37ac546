//! A device is made ready for its next upgrade.

use std::time::Duration;

use anyhow::Context;
use simulator::SwitchChange;
use tokio::time::sleep;

use super::kinds::{Device, Kind};
use crate::site::Deployment;

/// The versions of the images on the simulated firmware host.
const VERSIONS: [&str; 3] = ["4.2.4", "4.2.5", "4.3.0"];
/// How long a device may take to come to rest after an upgrade.
const READY: Duration = Duration::from_secs(30);

/// Makes the device what the kind begins with, and says the version of the image to ask for.
/// A device that is as it should be is taken as the last upgrade left it.
pub async fn make_ready(deployment: &Deployment, kind: &Kind) -> anyhow::Result<&'static str> {
    let Deployment {
        switch, efa, name, ..
    } = deployment;
    let at_rest = || switch.state().operation.is_none() && !efa.state().redeploying;
    until(&format!("{name} to be at rest"), at_rest).await?;
    switch.clear_faults();
    efa.clear_faults();

    let installed = installed(deployment);
    let running = installed.and_then(|v| VERSIONS.iter().position(|known| *known == v));
    let (version, image) = match (kind.device, running) {
        (Device::Replaced, _) => (None, VERSIONS[1]),
        (Device::Older, Some(n)) if n + 1 < VERSIONS.len() => (Some(VERSIONS[n]), VERSIONS[n + 1]),
        (Device::Older, _) => (Some(VERSIONS[0]), VERSIONS[1]),
        (Device::UpToDate, Some(n)) => (Some(VERSIONS[n]), VERSIONS[n]),
        (Device::UpToDate, None) => (Some(VERSIONS[1]), VERSIONS[1]),
        (Device::Newer, Some(n)) if n > 0 => (Some(VERSIONS[n]), VERSIONS[n - 1]),
        (Device::Newer, _) => (Some(VERSIONS[2]), VERSIONS[1]),
    };
    match version {
        Some(version) if running.is_some_and(|n| VERSIONS[n] == version) => {}
        Some(version) => install(deployment, version)?,
        None => replace(deployment, image)?,
    }
    for fault in (kind.faults)() {
        if fault.on.starts_with("efa-") {
            efa.fault(fault)?;
        } else {
            switch.fault(fault)?;
        }
    }
    Ok(image)
}

/// The version of a TPVM that runs, configured and with EFA up on it.
fn installed(deployment: &Deployment) -> Option<String> {
    let state = deployment.switch.state();
    let healthy = deployment
        .efa
        .state()
        .nodes
        .iter()
        .all(|node| node.status == "up");
    let whole = state
        .running_config
        .is_some_and(|items| items == deployment.config);
    state
        .tpvm_version
        .filter(|_| state.running && healthy && whole)
}

fn install(deployment: &Deployment, version: &str) -> anyhow::Result<()> {
    remove(deployment)?;
    deployment.switch.set(SwitchChange {
        tpvm_version: Some(version.to_owned()),
        config: deployment.config.clone(),
        ..SwitchChange::default()
    })?;
    Ok(())
}

fn replace(deployment: &Deployment, image: &str) -> anyhow::Result<()> {
    remove(deployment)?;
    deployment.switch.set(SwitchChange {
        image: Some(image.to_owned()),
        ..SwitchChange::default()
    })?;
    Ok(())
}

fn remove(deployment: &Deployment) -> anyhow::Result<()> {
    deployment.switch.set(SwitchChange {
        tpvm_version: Some(String::new()),
        clear_config: true,
        ..SwitchChange::default()
    })?;
    Ok(())
}

async fn until(what: &str, condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let waited = tokio::time::timeout(READY, async {
        while !condition() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    waited
        .await
        .with_context(|| format!("waited {READY:?} for {what}"))
}
