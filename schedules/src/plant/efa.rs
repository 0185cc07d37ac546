//! EFA's side: redeploys, and what EFA shows of the node.

use std::time::Duration;

use super::{Command, Plant};
use crate::addresses::tpvm_ip;
use crate::schedule::End;

/// A redeploy, and how it went.
#[derive(Debug)]
pub(super) struct Redeploy {
    id: String,
    by: Option<usize>,
    ends: Duration,
    end: End,
    ended: Option<Result<(), &'static str>>,
}

/// How a redeploy stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Standing {
    Unknown,
    Running,
    Done,
    Failed(&'static str),
}

impl Plant {
    pub(super) fn is_redeploying(&self) -> bool {
        let mut redeploys = self.redeploys.iter();
        redeploys.any(|redeploy| redeploy.ended.is_none())
    }

    pub(super) fn begin_redeploy(
        &mut self,
        id: String,
        by: Option<usize>,
        ends: Duration,
        end: End,
    ) {
        self.redeploys.push(Redeploy {
            id,
            by,
            ends,
            end,
            ended: None,
        });
    }

    /// Carries out the redeploys that have ended by `now`.
    pub(super) fn advance_redeploys(&mut self, now: Duration) {
        for index in 0..self.redeploys.len() {
            let Redeploy {
                ends, end, ended, ..
            } = &self.redeploys[index];
            if ended.is_none() && *ends <= now {
                let result = self.rejoin(*ends, *end);
                // One that failed leaves nothing that a second one would repeat.
                if result.is_err() {
                    let effect = (Command::Redeploy, self.redeploys[index].by);
                    let at = self.effects.iter().position(|known| *known == effect);
                    at.map(|at| self.effects.remove(at));
                }
                self.redeploys[index].ended = Some(result);
            }
        }
    }

    fn rejoin(&mut self, at: Duration, end: End) -> Result<(), &'static str> {
        if matches!(end, End::Failed | End::Broken) {
            return Err("the deployment script failed");
        }
        match &mut self.guest {
            Some(guest) if guest.running && guest.ip == tpvm_ip(self.index) => {
                guest.efa = true;
                self.up_at = at;
                self.deployed += 1;
                Ok(())
            }
            _ => Err("the peer node can't be reached"),
        }
    }

    /// Whether EFA is up on the node.
    pub(crate) fn is_up(&self, now: Duration) -> bool {
        let guest = self.guest.as_ref();
        guest.is_some_and(|guest| guest.running && guest.efa) && self.up_at <= now
    }

    /// Whether EFA shows the node as up.
    pub(crate) fn shows_up(&self, now: Duration) -> bool {
        match self.frozen {
            Some((until, up)) if now < until => up,
            _ => self.is_up(now),
        }
    }

    /// What EFA shows now stays for so long, whatever happens.
    pub(crate) fn freeze(&mut self, now: Duration, lasts: Duration) {
        self.frozen = Some((now + lasts, self.shows_up(now)));
    }

    /// How a redeploy stands.
    pub(crate) fn redeploy(&self, id: &str) -> Standing {
        match self.redeploys.iter().find(|redeploy| redeploy.id == id) {
            None => Standing::Unknown,
            Some(redeploy) => match redeploy.ended {
                None => Standing::Running,
                Some(Ok(())) => Standing::Done,
                Some(Err(message)) => Standing::Failed(message),
            },
        }
    }

    /// When EFA was deployed, in its own words.
    pub(crate) fn deployed(&self) -> String {
        format!("deployment {}", self.deployed)
    }
}
