//! EFA Deploy Peer and Rejoin: on the active EFA node, re-deploying of EFA on the peer node for
//! rejoin is invoked.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ledger::{Baseline, Facts, Intent, PeerSeen, Target};

use super::command::{self, Place, place};
use super::peer::{self, Nodes};
use crate::context::Context;
use crate::efa::{Deployment, EfaApi, NodeState, RedeployStatus};
use crate::outcome::{Done, Performed, Progress, Setback, command_setback, redeploy_setback};
use crate::points::Point;
use crate::slx::Phase;

/// See the module.
pub async fn perform(context: &Context<'_>) -> Performed {
    let target = context.target().await?;
    let efa = context.efa(&target)?;
    // In this order: a deployment that is newer than the request must not come with the nodes'
    // states from before.
    let deployment = efa.deployment().await?;
    let nodes = efa.nodes().await?;
    let facts = context.facts();
    let tpvm_ip = facts.tpvm_ip.unwrap_or(target.device.ip_address);
    let sight = Sight {
        context,
        nodes: Nodes::around(tpvm_ip, &nodes)?,
        deployment,
    };

    if let Some(id) = &facts.redeploy_id {
        return sight.poll(&target, efa.as_ref(), id).await;
    }
    // One that was withdrawn was not sent.
    if let Some(intent) = &facts.redeploy
        && intent.sends > 0
    {
        return sight.unanswered(&target, efa.as_ref(), intent).await;
    }
    let began = |intent: &Option<Intent>| intent.as_ref().is_some_and(|intent| intent.sends > 0);
    let touched = began(&facts.upgrade) || began(&facts.install);
    if !touched && sight.unhealthy().is_none() {
        return Ok(Done::because("nothing was upgraded, and both EFA nodes are up").into());
    }

    if let Some(why) = sight.fit(&target).await? {
        return Ok(sight.wait(why));
    }
    let clean = context.step().request.options.clean_redeploy;
    sight.redeploy(efa.as_ref(), clean).await
}

/// The deployment as its active node shows it now.
struct Sight<'a> {
    context: &'a Context<'a>,
    nodes: Nodes<'a>,
    deployment: Deployment,
}

impl Sight<'_> {
    /// What must hold before EFA is deployed on the peer; or what has to be waited for.
    async fn fit(&self, target: &Target) -> Result<Option<String>, Setback> {
        self.nodes.require_standby()?;
        self.same_efa()?;
        prepare_tpvm(self.context, target, self.nodes.own.ip).await
    }

    async fn redeploy(&self, efa: &dyn EfaApi, clean: bool) -> Performed {
        let context = self.context;
        let before = Baseline {
            deployed_at: self.deployment.timestamp.clone(),
            peer_up: self.peer_up(),
            ..Baseline::default()
        };
        let intended = context
            .intend(context.facts().redeploy.as_ref(), before, |intent| Facts {
                redeploy: Some(intent),
                ..Facts::default()
            })
            .await?;
        let sent = efa.redeploy(clean, &intended.permit).await;
        let id = context
            .outcome_of(&intended, sent.map_err(redeploy_setback))
            .await?;
        context.passed(Point::Commanded);
        Ok(Progress::Waiting {
            why: "EFA is being deployed on the peer".to_owned(),
            facts: Facts {
                redeploy_id: Some(id),
                ..intended.answered()
            },
        })
    }

    /// A redeploy whose id is known.
    async fn poll(&self, target: &Target, efa: &dyn EfaApi, id: &str) -> Performed {
        match efa.redeploy_status(id).await? {
            RedeployStatus::Initiated | RedeployStatus::Processing => {
                Ok(self.wait("EFA is being deployed on the peer"))
            }
            RedeployStatus::Completed => match self.unhealthy() {
                None => Ok(self.rejoined()),
                Some(state) => Ok(self.wait(format!("EFA is deployed, waiting for it: {state}"))),
            },
            RedeployStatus::Failed(message) => Err(Setback::failed(
                format!("EFA could not be deployed on the peer: {message}"),
                "see EFA's deployment log on the active node, then request the upgrade again",
            )),
            // The active node does not know the id any more, for example after a failover.
            RedeployStatus::NotFound => match &self.context.facts().redeploy {
                Some(intent) => self.unanswered(target, efa, intent).await,
                None => Ok(self.wait("EFA does not know the redeploy any more")),
            },
        }
    }

    /// A redeploy that may have been asked for, without an answer that helps. EFA can't be asked
    /// for it, but it can be observed. A healthy status counts only with a sign that it is newer
    /// than the request: right after an upgrade a stale one still looks healthy. What leaves no
    /// trace at all for `redeploy_quiet` was not taken, or came to nothing.
    async fn unanswered(&self, target: &Target, efa: &dyn EfaApi, intent: &Intent) -> Performed {
        let context = self.context;
        let before = &intent.baseline;
        let redeployed = self.deployment.timestamp != before.deployed_at;
        let was_down =
            context.facts().peer_seen_down == Some(true) || before.peer_up == Some(false);
        let why = match self.unhealthy() {
            None if redeployed || was_down => return Ok(self.rejoined()),
            None => "EFA looks healthy, but nothing shows that the peer was deployed anew".into(),
            Some(state) => format!("waiting for EFA on the peer: {state}"),
        };
        let quiet = !redeployed && self.quiet_since(intent) <= context.now();
        if !quiet || !command::may_send(context.timing(), intent) || !context.time_to_send() {
            return Ok(self.wait(why));
        }
        let again = match self.fit(target).await {
            Ok(None) => self.redeploy(efa, false).await,
            Ok(Some(why)) => Err(Setback::retry(why)),
            Err(setback) => Err(setback),
        };
        match again {
            // The earlier one may be under way all the same, and may be the reason.
            Err(
                Setback::Failed { cause, .. }
                | Setback::Unreadable { cause, .. }
                | Setback::Retry { cause, .. },
            ) => {
                let why = format!("{why}; the redeploy could not be repeated: {cause}");
                Ok(self.wait_since(why, Some(self.shown())))
            }
            other => other,
        }
    }

    /// Whether EFA shows the peer as up or down; nothing if as neither.
    fn peer_up(&self) -> Option<bool> {
        match self.nodes.own.state {
            NodeState::Up => Some(true),
            NodeState::Down => Some(false),
            _ => None,
        }
    }

    /// What EFA shows, as if it had never shown it before.
    fn shown(&self) -> PeerSeen {
        PeerSeen {
            up: self.peer_up() != Some(false),
            deployed_at: self.deployment.timestamp.clone(),
            since: self.context.now(),
        }
    }

    /// When nothing that EFA shows has changed for so long that a redeploy can't be under way.
    fn quiet_since(&self, intent: &Intent) -> DateTime<Utc> {
        let seen = self.peer_seen();
        let changed = seen.map_or(intent.at, |seen| seen.since.max(intent.at));
        changed + self.context.timing().redeploy_quiet
    }

    /// What EFA shows, since when.
    fn peer_seen(&self) -> Option<PeerSeen> {
        let facts = self.context.facts();
        let now = self.shown();
        let same =
            |up, deployed_at: &Option<String>| up == now.up && *deployed_at == now.deployed_at;
        match (&facts.peer_seen, &facts.redeploy) {
            (Some(seen), _) if same(seen.up, &seen.deployed_at) => Some(seen.clone()),
            (None, Some(intent)) => {
                let before = &intent.baseline;
                let up = before.peer_up.unwrap_or(now.up);
                (!same(up, &before.deployed_at)).then_some(now)
            }
            _ => Some(now),
        }
    }

    fn wait(&self, why: impl Into<String>) -> Progress {
        self.wait_since(why.into(), self.peer_seen())
    }

    fn wait_since(&self, why: String, peer_seen: Option<PeerSeen>) -> Progress {
        Progress::Waiting {
            why,
            facts: Facts {
                peer_seen_down: (self.peer_up() == Some(false)).then_some(true),
                peer_seen,
                ..Facts::default()
            },
        }
    }

    fn rejoined(&self) -> Progress {
        let version = &self.deployment.version;
        Done::because(format!(
            "EFA {version} was deployed on the peer, which has rejoined"
        ))
        .into()
    }

    /// What is not as it should be at the end; nothing if all is.
    fn unhealthy(&self) -> Option<String> {
        if let Err(Setback::Unreadable { cause, .. }) = self.same_efa() {
            return Some(cause);
        }
        (!self.nodes.healthy()).then(|| self.nodes.describe())
    }

    /// The EFA version and the node addresses are those from before. Another one is no evidence
    /// that the upgrade failed, which never changes them: during a failover another node answers.
    fn same_efa(&self) -> Result<(), Setback> {
        let facts = self.context.facts();
        let remedy = "look at the EFA deployment, which must not change during a TPVM upgrade, then request the upgrade again";
        if let Some(before) = &facts.efa_version
            && *before != self.deployment.version
        {
            let now = &self.deployment.version;
            return Err(Setback::unreadable(
                format!("EFA changed from {before} to {now}"),
                remedy,
            ));
        }
        if let Some(before) = &facts.efa_node_ips
            && !peer::same_ips(before, &self.deployment.node_ips)
        {
            return Err(Setback::unreadable(
                "the addresses of the EFA nodes changed",
                remedy,
            ));
        }
        Ok(())
    }
}

/// What must hold on the TPVM before EFA is deployed on it; or what has to be waited for. The
/// trusted peer exists on one of the two nodes only, and is put back there if the upgrade took it
/// away.
async fn prepare_tpvm(
    context: &Context<'_>,
    target: &Target,
    tpvm_ip: IpAddr,
) -> Result<Option<String>, Setback> {
    let mut device = context.slx(target).await?;
    let remedy = "look at the TPVM on the device, then request the upgrade again";
    match &device.tpvm_status().await?.phase {
        Phase::Running => {}
        Phase::Working(work) => return Ok(Some(format!("the device is at work: {work}"))),
        // It ran a moment ago.
        Phase::Stopped | Phase::NotInstalled => {
            return Err(Setback::unreadable("the TPVM is not running", remedy));
        }
    }
    let ips = device.tpvm_ips().await?;
    let Some(version) = device.tpvm_version().await? else {
        return Ok(Some(command::NO_VERSION.to_owned()));
    };
    if let Some(wanted) = &context.facts().target_version
        && !command::is_version(&version.to_string(), wanted)
    {
        let cause = format!("the TPVM runs {version}, not {wanted}");
        return Err(match command::cut_short(&version.to_string(), wanted) {
            true => Setback::unreadable(cause, remedy),
            false => Setback::failed(cause, remedy),
        });
    }
    match place(Some(tpvm_ip), &ips) {
        Place::Expected => {}
        Place::Other(other) => {
            return Err(Setback::failed(
                format!("the TPVM has the address {other} and not its address {tpvm_ip}"),
                remedy,
            ));
        }
        Place::NotYet => return Ok(Some(command::NO_ADDRESS.to_owned())),
    }
    let config = device.running_config().await?.ok_or_else(|| {
        Setback::unreadable("the device shows no TPVM configuration any more", remedy)
    })?;
    peer::require_rejoinable(&config)?;

    let persisted = target
        .tpvm_config
        .as_ref()
        .and_then(|config| config.trusted_peer.as_ref());
    if let (Some(trusted_peer), None) = (persisted, &config.trusted_peer) {
        let request = &context.step().request;
        let Some(password) = context.trusted_peer_password(target)? else {
            // One answer that lacks a line is no evidence, and somebody may restore it meanwhile.
            return Err(Setback::unreadable(
                "the TPVM has lost its trusted peer, and the request names no secret to restore it",
                "restore the trusted peer on the TPVM, or request the upgrade again with the name of its secret",
            ));
        };
        let mut trusted_peer = trusted_peer.clone();
        if let Some(user) = &request.trusted_peer_sudo_user {
            trusted_peer.sudo_user = Some(user.clone());
        }
        device
            .set_trusted_peer(&trusted_peer, &password)
            .await
            .map_err(|error| command_setback("trusted-peer", error))?;
    }
    device.close().await;
    Ok(None)
}
