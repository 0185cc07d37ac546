//! The redeploy of EFA on the peer node.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::faults::Tagged;
use crate::switch::Switch;

/// One redeploy, from its acceptance on.
#[derive(Debug)]
pub(crate) struct Redeploy {
    pub(crate) id: String,
    started: Instant,
    duration: Duration,
    /// It fails with this, whatever the peer is like.
    failure: Option<Tagged>,
    /// How it ended; none: it runs.
    end: Option<Result<(), String>>,
}

/// What the poll of a redeploy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedeployStatus {
    pub(crate) status: &'static str,
    pub(crate) message: String,
}

impl Redeploy {
    pub(crate) fn start(failure: Option<Tagged>, duration: Duration) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            started: Instant::now(),
            duration,
            failure,
            end: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.end.is_none()
    }

    pub(crate) fn status(&self) -> RedeployStatus {
        let (status, message) = match &self.end {
            Some(Ok(())) => ("completed", "EFA redeployed on the peer node".to_owned()),
            Some(Err(message)) => ("failed", message.clone()),
            None if self.started.elapsed() < self.duration / 4 => {
                ("initiated", "redeploy is initiated".to_owned())
            }
            None => ("processing", "deploying EFA on the peer node".to_owned()),
        };
        RedeployStatus { status, message }
    }

    /// Ends it if its time has come; true if that put EFA on the peers.
    pub(crate) fn finish(&mut self, now: Instant, switches: &[Arc<Switch>], active: usize) -> bool {
        let end = self.started + self.duration;
        if self.end.is_some() || now < end {
            return false;
        }
        let result = match self.failure.take() {
            Some(failure) => Err(failure.text),
            None => switches
                .iter()
                .filter(|switch| switch.node != active)
                .try_for_each(|peer| deploy_on(peer, end)),
        };
        let done = result.is_ok();
        self.end = Some(result);
        done
    }
}

fn deploy_on(peer: &Switch, at: Instant) -> Result<(), String> {
    let mut tpvm = peer.tpvm();
    let ip = peer.spec.tpvm_ip;
    let name = tpvm.hostname().unwrap_or("(none)").to_owned();
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "peer node {ip}: host name {name} is not in lower case"
        ));
    }
    if tpvm
        .guest
        .as_ref()
        .is_some_and(|guest| guest.running && guest.ip != ip)
    {
        return Err(format!("peer node {ip} is not reachable"));
    }
    if tpvm.rejoin(at) {
        Ok(())
    } else {
        Err(format!("peer node {ip}: TPVM is not running"))
    }
}
