//! TPVM Upgrade (Normal Upgrade): TPVM upgrade is invoked on the device. It has succeeded when the
//! TPVM runs, has the target version and still has its address.

use ledger::{Baseline, Facts};
use schemas::inventory::FirmwareHost;

use super::command::{self, Next, Place, Seen, Tpvm, place};
use super::peer::Nodes;
use crate::context::Context;
use crate::outcome::{Done, Performed, Setback};
use crate::slx::{ImageSource, Phase, Switch};

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let mut device = context.slx(&target).await?;
    let tpvm = Tpvm::read(device.as_mut()).await?;
    let seen = observe(context, device.as_mut(), &tpvm).await?;
    let earlier = context.facts().upgrade.as_ref();
    if let Next::Stop(performed) = command::decide(context, seen, earlier) {
        return performed;
    }

    let host: FirmwareHost = context.firmware_host().await?;
    let password = context.secret(&host.password_secret)?;
    // A failover since the validation may have made this node the active one.
    let nodes = context.efa(&target)?.nodes().await?;
    let tpvm_ip = context.facts().tpvm_ip.unwrap_or(target.device.ip_address);
    Nodes::around(tpvm_ip, &nodes)?.require_standby()?;

    let intended = context
        .intend(earlier, tpvm.baseline(), |intent| Facts {
            upgrade: Some(intent),
            ..Facts::default()
        })
        .await?;
    let image = &context.step().request.tpvm_image;
    let source = ImageSource {
        firmware_host: &host,
        password: &password,
        image,
    };
    let sent = device
        .upgrade(&source, &intended.permit)
        .await
        .map_err(|error| command::not_taken("TPVM upgrade", earlier, error));
    context.outcome_of(&intended, sent).await?;
    device.close().await;
    command::sent(context, intended, "the TPVM upgrade")
}

async fn observe(
    context: &Context<'_>,
    device: &mut dyn Switch,
    tpvm: &Tpvm,
) -> Result<Seen, Setback> {
    if let Phase::Working(work) = &tpvm.status.phase {
        return Ok(Seen::Working(work.clone()));
    }
    // Neither a baseline nor a result.
    if tpvm.status.phase == Phase::Running && tpvm.version.is_none() {
        return Ok(Seen::Working(command::NO_VERSION.to_owned()));
    }
    let facts = context.facts();
    let Some(intent) = &facts.upgrade else {
        let at_target = match (&facts.target_version, tpvm.version_text()) {
            (Some(wanted), Some(version)) => command::is_version(&version, wanted),
            _ => false,
        };
        if at_target && tpvm.status.phase == Phase::Running && !context.step().request.options.force
        {
            return Ok(Seen::Done(Done::because(
                "nothing to do: the TPVM runs the target version",
            )));
        }
        return Ok(Seen::NoTrace);
    };
    if let Some(error) = tpvm.new_error(&intent.baseline) {
        return Ok(Seen::Failed(Setback::failed(
            format!("the TPVM upgrade failed: {error}"),
            "mend what the device reports, clear the message, then request the upgrade again",
        )));
    }
    if tpvm.unchanged(&intent.baseline) {
        return Ok(Seen::NoTrace);
    }
    match tpvm.status.phase {
        Phase::Running => judge(context, device, tpvm, &intent.baseline).await,
        _ => Ok(Seen::Working("the TPVM is not running yet".to_owned())),
    }
}

/// The upgrade is over: is it the wanted version, at the same address?
async fn judge(
    context: &Context<'_>,
    device: &mut dyn Switch,
    tpvm: &Tpvm,
    before: &Baseline,
) -> Result<Seen, Setback> {
    let facts = context.facts();
    let Some(version) = tpvm.version_text() else {
        return Ok(Seen::Working(command::NO_VERSION.to_owned()));
    };
    if let Some(wanted) = &facts.target_version
        && command::cut_short(&version, wanted)
    {
        return Ok(Seen::Working(format!(
            "the device tells the version {version}, and {wanted} is awaited"
        )));
    }
    let reached = match &facts.target_version {
        Some(wanted) => command::is_version(&version, wanted),
        // Forced to an image whose name tells no version: all that can be asked is another one.
        None => match &before.version {
            Some(before) if command::cut_short(&version, before) => {
                return Ok(Seen::Working(format!(
                    "the device tells the version {version}, which may be the beginning of {before}"
                )));
            }
            Some(before) => !command::is_version(&version, before),
            None => true,
        },
    };
    if !reached {
        return Ok(Seen::Failed(Setback::failed(
            format!(
                "after the upgrade the TPVM runs {version}, not {}",
                facts
                    .target_version
                    .as_deref()
                    .unwrap_or("another version than before")
            ),
            "check the image on the firmware host, then request the upgrade again",
        )));
    }
    let ips = device.tpvm_ips().await?;
    Ok(match (facts.tpvm_ip, place(facts.tpvm_ip, &ips)) {
        (_, Place::NotYet) => Seen::Working(command::NO_ADDRESS.to_owned()),
        (Some(expected), Place::Other(other)) => Seen::Failed(Setback::failed(
            format!("the TPVM's address changed from {expected} to {other}"),
            "fix the TPVM's address (with dhcp: on the DHCP server), then request the upgrade again",
        )),
        _ => Seen::Done(Done::because(format!("the TPVM was upgraded to {version}"))),
    })
}
