//! What an action is given: the step as it was claimed, and the ways to the device and to EFA.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::{Baseline, Facts, Fenced, HeldStep, Intent, Ledger, Target};
use schemas::State;
use schemas::inventory::FirmwareHost;
use schemas::tpvm::TpvmConfig;
use schemas::values::SecretName;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::config::Timing;
use crate::efa::EfaApi;
use crate::outcome::Setback;
use crate::permit::Permit;
use crate::points::Point;
use crate::secrets::Secrets;
use crate::sites::Sites;
use crate::slx::{Dialect, Switch};
use crate::versions::SlxVersion;

/// The ways out of the worker that are the same for every step.
#[derive(Clone)]
pub struct Surroundings {
    /// The ledger, for the EFA DB tables and for intents.
    pub ledger: Ledger,
    /// Secrets by name.
    pub secrets: Arc<Secrets>,
    /// The ways to switches and to EFA.
    pub sites: Arc<dyn Sites>,
    /// How switches are spoken to; also what names of images tell.
    pub dialect: Arc<Dialect>,
    /// Deadlines and intervals.
    pub timing: Timing,
    /// The oldest SLX-OS that is accepted.
    pub minimum_slx: SlxVersion,
    /// The bound on any one command, to a switch or to EFA.
    pub longest_command: Duration,
    /// For how long a step is claimed.
    pub claim: Duration,
}

/// One claimed step, as its action sees it.
pub struct Context<'a> {
    held: &'a HeldStep,
    asked: Instant,
    claimed: Instant,
    around: &'a Surroundings,
}

/// A command that the ledger knows to be about to be sent.
pub struct Intended {
    /// Leave to send it.
    pub permit: Permit,
    intent: Intent,
    named: fn(Intent) -> Facts,
}

impl Intended {
    /// What was learnt from the answer that the command was taken.
    pub fn answered(self) -> Facts {
        (self.named)(Intent {
            answered: true,
            ..self.intent
        })
    }
}

impl<'a> Context<'a> {
    /// A step that was claimed just now, by a statement that was sent at `asked`.
    pub fn new(held: &'a HeldStep, asked: Instant, around: &'a Surroundings) -> Self {
        Self {
            held,
            asked,
            claimed: Instant::now(),
            around,
        }
    }

    /// The step: the request, the case, what was learnt before.
    pub fn step(&self) -> &HeldStep {
        self.held
    }

    /// What earlier steps, or earlier looks at this one, have learnt.
    pub fn facts(&self) -> &Facts {
        &self.held.facts
    }

    /// Deadlines and intervals.
    pub fn timing(&self) -> &Timing {
        &self.around.timing
    }

    /// The built-in or configured dialect.
    pub fn dialect(&self) -> &Dialect {
        &self.around.dialect
    }

    /// The oldest SLX-OS that is accepted.
    pub fn minimum_slx(&self) -> &SlxVersion {
        &self.around.minimum_slx
    }

    /// Postgres' time at the earliest: its clock at the claim, and what has passed here since the
    /// answer. No worker's own clock decides anything.
    pub fn now(&self) -> DateTime<Utc> {
        self.held.now + self.claimed.elapsed()
    }

    /// Whether this step's time is over.
    pub fn past_deadline(&self) -> bool {
        self.now() > self.deadline()
    }

    /// Whether a command that was sent in an earlier look may still be on its way.
    pub fn command_on_its_way(&self) -> bool {
        let facts = self.facts();
        let intent = match self.state() {
            State::TpvmInstallation => &facts.install,
            State::TpvmUpgrade => &facts.upgrade,
            State::TpvmRevert => &facts.revert,
            State::EfaDeployPeerAndRejoin => &facts.redeploy,
            State::WorkflowStarted
            | State::DeviceValidation
            | State::TpvmConfigValidation
            | State::TpvmConfiguration
            | State::WorkflowFinished => &None,
        };
        intent.as_ref().is_some_and(|intent| {
            intent.sends > 0 && !intent.answered && self.now() < intent.at + self.timing().settle
        })
    }

    fn deadline(&self) -> DateTime<Utc> {
        self.held.started_at + self.timing().deadline(self.held.state)
    }

    /// A secret.
    ///
    /// # Errors
    /// A failure with its remedy if nothing is found under the name.
    pub fn secret(&self, name: &SecretName) -> Result<SecretString, Setback> {
        Ok(self.around.secrets.get(name)?)
    }

    /// The device with its deployment, from the EFA DB.
    ///
    /// # Errors
    /// A failure if it is not registered, or was not when the request was accepted: then nothing
    /// keeps a second upgrade out of the deployment.
    pub async fn target(&self) -> Result<Target, Setback> {
        let ip = self.held.request.ip_address;
        let target = self.around.ledger.target(ip).await?;
        target
            .filter(|_| self.held.deployment.is_some())
            .ok_or_else(|| {
                Setback::failed(
                    format!("the device {ip} is not registered"),
                    "register the device with its EFA deployment, then request the upgrade again",
                )
            })
    }

    /// The firmware host of the request, from the EFA DB.
    ///
    /// # Errors
    /// A failure if it is not registered.
    pub async fn firmware_host(&self) -> Result<FirmwareHost, Setback> {
        let ip = self.held.request.firmware_host;
        self.around.ledger.firmware_host(ip).await?.ok_or_else(|| {
            Setback::failed(
                format!("the firmware host {ip} is not registered"),
                "register the firmware host, then request the upgrade again",
            )
        })
    }

    /// A session with the switch.
    ///
    /// # Errors
    /// As the switch's.
    pub async fn slx(&self, target: &Target) -> Result<Box<dyn Switch>, Setback> {
        Ok(self.around.sites.switch(&target.device).await?)
    }

    /// The EFA of the switch's deployment.
    ///
    /// # Errors
    /// A failure if the URL or a secret does not serve.
    pub fn efa(&self, target: &Target) -> Result<Box<dyn EfaApi>, Setback> {
        Ok(self.around.sites.efa(target)?)
    }

    /// Writes an intent to the ledger, to send a command now for the nth time, with what could be
    /// seen just before; `named` is the fact that it becomes. The command may be sent once this
    /// returns, and as long as the permit holds: an intent is older than `settle` only when its
    /// command is no longer on the way.
    ///
    /// # Errors
    /// [`Setback::ClaimLost`] if somebody else holds the step, and a retry if the step's time ends
    /// before it would be known whether the command arrived, or if the permit is over: then
    /// nothing was sent. A state that ends, ends without a command on the way.
    pub async fn intend(
        &self,
        sends: i32,
        baseline: Baseline,
        named: fn(Intent) -> Facts,
    ) -> Result<Intended, Setback> {
        let timing = self.timing();
        let begun = Instant::now();
        // Postgres' clock may be as far ahead as the claim's answer took to come: the intent must
        // not look older to others than it is.
        let at = self.held.now + (begun - self.asked);
        if at + timing.settle > self.deadline() {
            return Err(Setback::retry(
                "too little time is left for this step to begin anything",
            ));
        }
        let intent = Intent {
            at,
            sends,
            baseline,
            answered: false,
        };
        self.note(&named(intent.clone())).await?;
        let window = timing.settle.saturating_sub(self.around.longest_command);
        let intended = Intended {
            permit: Permit::until(begun + window),
            intent,
            named,
        };
        self.passed(Point::Intended);
        Ok(intended)
    }

    /// Takes an intent back if the command was surely not sent, so that it does not count. It
    /// stays where that can't be written: then the device is observed first.
    ///
    /// # Errors
    /// As what was `sent`.
    pub async fn unless_sent<T>(
        &self,
        intended: &Intended,
        sent: Result<T, Setback>,
    ) -> Result<T, Setback> {
        if let Err(Setback::Retry { .. }) = &sent {
            let intent = Intent {
                sends: intended.intent.sends - 1,
                ..intended.intent.clone()
            };
            if let Err(Setback::ClaimLost) = self.note(&(intended.named)(intent)).await {
                return Err(Setback::ClaimLost);
            }
        }
        sent
    }

    /// Tells that the step has come to a point.
    pub fn passed(&self, point: Point) {
        point.passed(self.held.state, Some(self.held.token.execution_id));
    }

    /// Writes what was learnt to the ledger before the step goes on, and makes sure that the
    /// step is still held.
    ///
    /// # Errors
    /// [`Setback::ClaimLost`] if it is not.
    pub async fn note(&self, facts: &Facts) -> Result<(), Setback> {
        let around = self.around;
        let noted = around.ledger.note(&self.held.token, facts, around.claim);
        fenced(noted.await?)
    }

    /// Refreshes the persisted TPVM configuration from the device. What is learnt on the way is
    /// noted first: once the EFA DB is overwritten, nothing else shows what changed.
    ///
    /// # Errors
    /// As [`Context::note`]'s, and the ledger's.
    pub async fn save_tpvm_config(
        &self,
        config: &TpvmConfig,
        learnt: &Facts,
    ) -> Result<(), Setback> {
        self.note(learnt).await?;
        let (ledger, token) = (&self.around.ledger, &self.held.token);
        let ip = self.held.request.ip_address;
        fenced(ledger.save_tpvm_config(token, ip, config).await?)
    }

    /// Refreshes the persisted operational data from the device, if the step is still held.
    ///
    /// # Errors
    /// As [`Context::note`]'s, and the ledger's.
    pub async fn save_operational(
        &self,
        version: Option<&str>,
        tpvm_ip: Option<IpAddr>,
    ) -> Result<(), Setback> {
        let (ledger, token) = (&self.around.ledger, &self.held.token);
        let ip = self.held.request.ip_address;
        fenced(ledger.save_operational(token, ip, version, tpvm_ip).await?)
    }

    /// The state to act in.
    pub fn state(&self) -> State {
        self.held.state
    }
}

fn fenced(written: Fenced) -> Result<(), Setback> {
    match written {
        Fenced::Done => Ok(()),
        Fenced::Stale => Err(Setback::ClaimLost),
    }
}
