//! TPVM Installation (Node Replacement): TPVM install and start are invoked on the device.

use ledger::Facts;

use super::command::{self, Next, Place, Seen, Tpvm, place};
use crate::context::Context;
use crate::outcome::{Done, Performed, Setback, chain};
use crate::slx::{Phase, Switch};

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let mut device = context.slx(&target).await?;
    let tpvm = Tpvm::read(device.as_mut()).await?;
    let seen = observe(context, device.as_mut(), &tpvm).await?;
    let earlier = context.facts().install.as_ref();
    if let Next::Stop(performed) = command::decide(context, seen, earlier) {
        return performed;
    }
    let intended = context
        .intend(earlier, tpvm.baseline(), |intent| Facts {
            install: Some(intent),
            ..Facts::default()
        })
        .await?;
    let sent =
        device
            .deploy(&intended.permit)
            .await
            .map_err(|error| match error.is_before("deploy") {
                // The way into the configuration's block changes nothing.
                true => Setback::retry(chain(&error)),
                false => command::not_taken("TPVM deploy", earlier, error),
            });
    context.outcome_of(&intended, sent).await?;
    device.close().await;
    command::sent(context, intended, "the TPVM installation")
}

async fn observe(
    context: &Context<'_>,
    device: &mut dyn Switch,
    tpvm: &Tpvm,
) -> Result<Seen, Setback> {
    let error = context
        .facts()
        .install
        .as_ref()
        .and_then(|intent| tpvm.new_error(&intent.baseline));
    Ok(match (&tpvm.status.phase, error) {
        (Phase::Working(work), _) => Seen::Working(work.clone()),
        (Phase::Running, _) => judge(context, device, tpvm).await?,
        (_, Some(error)) => Seen::Failed(Setback::failed(
            format!("the TPVM installation failed: {error}"),
            "mend what the device reports, clear the message, then request the upgrade again",
        )),
        (Phase::Stopped, None) => {
            Seen::Working("the TPVM is installed but not running yet".to_owned())
        }
        (Phase::NotInstalled, None) => Seen::NoTrace,
    })
}

/// It runs: is it the wanted one, where its peer expects it?
async fn judge(
    context: &Context<'_>,
    device: &mut dyn Switch,
    tpvm: &Tpvm,
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
    if let Some(wanted) = &facts.target_version
        && !command::is_version(&version, wanted)
    {
        return Ok(Seen::Failed(Setback::failed(
            format!("the device installed TPVM {version}, not {wanted}"),
            "copy the wanted image to /tftpboot/SWBD2900 on the device, remove the TPVM, then request the upgrade again",
        )));
    }
    let ips = device.tpvm_ips().await?;
    Ok(match (facts.tpvm_ip, place(facts.tpvm_ip, &ips)) {
        (_, Place::NotYet) => Seen::Working(command::NO_ADDRESS.to_owned()),
        (Some(expected), Place::Other(other)) => Seen::Failed(Setback::failed(
            format!("the TPVM has the address {other}, and its EFA peer expects it at {expected}"),
            "give the TPVM its former address (with dhcp: on the DHCP server), then request the upgrade again",
        )),
        (expected, _) => {
            context
                .save_operational(Some(&version), expected.or(ips.first()))
                .await?;
            Seen::Done(Done::because(format!(
                "TPVM {version} is installed and running"
            )))
        }
    })
}
