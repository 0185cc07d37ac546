//! TPVM Revert (Normal Upgrade): rolls a failed upgrade back. It has succeeded when the TPVM runs
//! the version from before.

use chrono::{DateTime, Utc};
use ledger::Facts;

use super::command::{self, Next, Place, Seen, Tpvm, place};
use super::peer::Nodes;
use crate::context::Context;
use crate::outcome::{Done, Performed, Progress, Setback};
use crate::slx::{Phase, Switch};

/// What to do after a revert that failed, whatever it failed from.
pub const RESTORE_BY_HAND: &str = "look at the device (`show tpvm status`, `show tpvm snapshot`) and restore the \
                      TPVM by hand: its former version, running, at its former address, with EFA \
                      up on it; then request the upgrade again";

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    if let Some(reverted_at) = context.facts().reverted_at {
        return rejoined(context, reverted_at, Facts::default()).await;
    }
    let target = context.target().await?;
    let mut device = context.slx(&target).await?;
    let tpvm = Tpvm::read(device.as_mut()).await?;
    let seen = observe(context, device.as_mut(), &tpvm).await?;
    if let Seen::Done(_) = seen {
        device.close().await;
        let reverted_at = context.now();
        let facts = Facts {
            reverted_at: Some(reverted_at),
            ..Facts::default()
        };
        return rejoined(context, reverted_at, facts).await;
    }
    let earlier = context.facts().revert.as_ref();
    match command::decide(context, seen, earlier) {
        Next::Stop(Err(Setback::Failed { cause, .. })) => {
            return Err(Setback::failed(cause, RESTORE_BY_HAND));
        }
        Next::Stop(performed) => return performed,
        Next::Send => {}
    }
    let intended = context
        .intend(earlier, tpvm.baseline(), |intent| Facts {
            revert: Some(intent),
            ..Facts::default()
        })
        .await?;
    let sent = device.revert(&intended.permit).await.map_err(|error| {
        match command::not_taken("TPVM revert", earlier, error) {
            Setback::Failed { cause, .. } => Setback::failed(cause, RESTORE_BY_HAND),
            other => other,
        }
    });
    context.outcome_of(&intended, sent).await?;
    device.close().await;
    command::sent(context, intended, "the TPVM revert")
}

async fn observe(
    context: &Context<'_>,
    device: &mut dyn Switch,
    tpvm: &Tpvm,
) -> Result<Seen, Setback> {
    let facts = context.facts();
    match &tpvm.status.phase {
        // Also an upgrade whose time ran out: it has to end before anything can be reverted.
        Phase::Working(work) => return Ok(Seen::Working(work.clone())),
        Phase::Running if tpvm.version.is_none() => {
            return Ok(Seen::Working(command::NO_VERSION.to_owned()));
        }
        Phase::Running if runs_former(tpvm, facts.from_version.as_deref()) => {
            return at_home(context, device, tpvm).await;
        }
        _ => {}
    }
    let Some(intent) = &facts.revert else {
        return Ok(Seen::NoTrace);
    };
    if let Some(error) = tpvm.new_error(&intent.baseline) {
        return Ok(Seen::Failed(Setback::failed(
            format!("the TPVM revert failed: {error}"),
            RESTORE_BY_HAND,
        )));
    }
    if tpvm.unchanged(&intent.baseline) {
        return Ok(Seen::NoTrace);
    }
    let version = tpvm.version_text().unwrap_or_default();
    if let (Phase::Running, Some(wanted)) = (&tpvm.status.phase, &facts.from_version)
        && command::cut_short(&version, wanted)
    {
        return Ok(Seen::Working(format!(
            "the device tells the version {version}, and {wanted} is awaited"
        )));
    }
    Ok(match tpvm.status.phase {
        Phase::Running => Seen::Failed(Setback::failed(
            format!(
                "after the revert the TPVM runs {}, not {}",
                version,
                facts
                    .from_version
                    .as_deref()
                    .unwrap_or("the version from before"),
            ),
            RESTORE_BY_HAND,
        )),
        _ => Seen::Working("the TPVM is not running yet".to_owned()),
    })
}

fn runs_former(tpvm: &Tpvm, former: Option<&str>) -> bool {
    match (tpvm.version_text(), former) {
        (Some(version), Some(former)) => command::is_version(&version, former),
        _ => false,
    }
}

/// The version from before runs: at the address from before?
async fn at_home(
    context: &Context<'_>,
    device: &mut dyn Switch,
    tpvm: &Tpvm,
) -> Result<Seen, Setback> {
    let ips = device.tpvm_ips().await?;
    let expected = context.facts().tpvm_ip;
    Ok(match (expected, place(expected, &ips)) {
        (_, Place::NotYet) => Seen::Working(command::NO_ADDRESS.to_owned()),
        (Some(expected), Place::Other(other)) => Seen::Failed(Setback::failed(
            format!("the TPVM runs its former version, but at {other} and not at {expected}"),
            RESTORE_BY_HAND,
        )),
        _ => {
            let version = tpvm.version_text();
            context
                .save_operational(version.as_deref(), expected.or(ips.first()))
                .await?;
            Seen::Done(Done::default())
        }
    })
}

/// The table ends here, whether or not EFA has come back on the node; but an operator wants to
/// know, so it is given some time and then told. Nothing is redeployed silently.
async fn rejoined(context: &Context<'_>, reverted_at: DateTime<Utc>, facts: Facts) -> Performed {
    let version = context
        .facts()
        .from_version
        .as_deref()
        .unwrap_or("its former version");
    let sent = context.facts().revert.as_ref();
    let nothing_sent = sent.is_none_or(|intent| intent.sends == 0);
    let reverted = if nothing_sent {
        format!("nothing to revert: the TPVM runs {version}")
    } else {
        format!("the TPVM was reverted to {version}")
    };
    let missing = match nodes(context).await {
        Ok(None) => {
            return Ok(Done {
                detail: reverted,
                facts,
                case: None,
            }
            .into());
        }
        Ok(Some(unhealthy)) => format!("EFA has not come back on it: {unhealthy}"),
        Err(
            Setback::Failed { cause, .. }
            | Setback::Unreadable { cause, .. }
            | Setback::Retry { cause, .. },
        ) => format!("it is not known whether EFA has come back on it: {cause}"),
        Err(other) => return Err(other),
    };
    if context.now() < reverted_at + context.timing().rejoin_grace {
        return Ok(Progress::Waiting {
            why: format!("{reverted}; {missing}"),
            facts,
        });
    }
    // The remedy is that of the failure, which says nothing of this.
    let detail = format!("{reverted}, but {missing}. Recover EFA on that node before all else");
    Ok(Done {
        detail,
        facts,
        case: None,
    }
    .into())
}

/// What is wrong with the EFA nodes, if anything.
async fn nodes(context: &Context<'_>) -> Result<Option<String>, Setback> {
    let target = context.target().await?;
    let nodes = context.efa(&target)?.nodes().await?;
    let tpvm_ip = context.facts().tpvm_ip.unwrap_or(target.device.ip_address);
    let nodes = Nodes::around(tpvm_ip, &nodes)?;
    Ok((!nodes.healthy()).then(|| nodes.describe()))
}
