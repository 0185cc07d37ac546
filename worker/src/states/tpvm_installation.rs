//! TPVM Installation (Node Replacement): TPVM install and start are invoked on the device.

use ledger::Facts;

use super::command::{self, Next, Seen, Tpvm};
use crate::context::Context;
use crate::outcome::{Done, Performed, Setback, command_setback};
use crate::slx::{Phase, Switch};

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let mut device = context.slx(&target).await?;
    let tpvm = Tpvm::read(device.as_mut()).await?;
    let seen = observe(context, device.as_mut(), &tpvm).await?;
    let sends = match command::decide(context, seen, context.facts().install.as_ref()) {
        Next::Stop(performed) => return performed,
        Next::Send(sends) => sends,
    };
    let intended = context
        .intend(sends, tpvm.baseline(), |intent| Facts {
            install: Some(intent),
            ..Facts::default()
        })
        .await?;
    let sent = device
        .deploy(&intended.permit)
        .await
        .map_err(|error| command_setback("TPVM deploy", error));
    context.unless_sent(&intended, sent).await?;
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
    let version = tpvm.version_text().unwrap_or_default();
    if let Some(wanted) = &facts.target_version
        && version != *wanted
    {
        return Ok(Seen::Failed(Setback::failed(
            format!("the device installed TPVM {version}, not {wanted}"),
            "copy the wanted image to /tftpboot/SWBD2900 on the device, remove the TPVM, then request the upgrade again",
        )));
    }
    let ips = device.tpvm_ips().await?;
    Ok(match facts.tpvm_ip {
        _ if ips.is_empty() => Seen::Working("the TPVM has no address yet".to_owned()),
        Some(expected) if !ips.contains(&expected) => Seen::Failed(Setback::failed(
            format!(
                "the TPVM has the address {}, and its EFA peer expects it at {expected}",
                ips[0]
            ),
            "give the TPVM its former address (with dhcp: on the DHCP server), then request the upgrade again",
        )),
        _ => {
            context
                .save_operational(Some(&version), ips.first().copied())
                .await?;
            Seen::Done(Done::because(format!(
                "TPVM {version} is installed and running"
            )))
        }
    })
}
