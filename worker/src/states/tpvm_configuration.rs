//! TPVM Configuration (Node Replacement): the device's running-config is programmed with the TPVM
//! configuration from the EFA DB.

use ledger::{ConfigLines, Facts};
use schemas::tpvm::TpvmConfig;

use crate::context::Context;
use crate::outcome::{Done, Performed, Progress, Setback, command_setback};
use crate::points::Point;
use crate::slx::changes;

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let mut wanted = TpvmConfig {
        // A TPVM that runs EFA must always start with its switch (EFA Deployment Guide 2.7.0,
        // "TPVM Upgrade Workflow Dependencies").
        auto_boot: true,
        ..target.tpvm_config.clone().unwrap_or_default()
    };
    let request = &context.step().request;
    if let (Some(peer), Some(user)) = (&mut wanted.trusted_peer, &request.trusted_peer_sudo_user) {
        peer.sudo_user = Some(user.clone());
    }
    let password = context.trusted_peer_password(&target)?;

    let mut device = context.slx(&target).await?;
    let before = device.running_config().await?.unwrap_or_default();
    if programmed(&before, &wanted) {
        return Ok(Done::because("the device had the configuration already").into());
    }
    let written = context.facts().configuration.unwrap_or_default();
    if written.accepted >= context.timing().max_sends {
        return Err(Setback::failed(
            format!(
                "the device took the TPVM configuration {} times but shows another one: {}",
                written.accepted,
                changes(&before, &wanted).join(", ")
            ),
            "compare `show running-config tpvm` with the EFA DB's TPVM configuration, see why the device leaves items out, then request the upgrade again",
        ));
    }
    // Each line sets an item to a value: a repetition changes nothing, so a lost answer is
    // settled by looking and, if need be, by sending the lines again.
    context.intend_lines(written).await?;
    device
        .configure(&wanted, password.as_ref())
        .await
        .map_err(|error| command_setback("TPVM configuration", error))?;
    context.passed(Point::Commanded);

    let after = device.running_config().await?.ok_or_else(|| {
        Setback::unreadable(
            "the device took the TPVM configuration but shows none",
            "compare `show running-config tpvm` with the EFA DB's TPVM configuration, then request the upgrade again",
        )
    })?;
    device.close().await;
    if !programmed(&after, &wanted) {
        let accepted = written.accepted + 1;
        return Ok(Progress::Waiting {
            why: format!(
                "the device took the TPVM configuration but shows another one: {}",
                changes(&after, &wanted).join(", ")
            ),
            facts: Facts {
                configuration: Some(ConfigLines { accepted }),
                ..Facts::default()
            },
        });
    }
    Ok(Done::because("the running-config was programmed from the EFA DB").into())
}

/// Whether the device has every wanted item. How it encodes the trusted peer's password is its
/// own affair, and `deploy` belongs to the next state.
fn programmed(device: &TpvmConfig, wanted: &TpvmConfig) -> bool {
    let comparable = |config: &TpvmConfig| {
        let mut config = TpvmConfig {
            deploy: false,
            ..config.clone()
        };
        if let Some(peer) = &mut config.trusted_peer {
            peer.password = None;
        }
        config
    };
    comparable(device) == comparable(wanted)
}
