//! What an action is given: the step as it was claimed, and the ways to the device and to EFA.

mod clock;
mod intend;
mod redacting;

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::{Execution, Facts, Fenced, Filter, HeldStep, Ledger, Target};
use schemas::inventory::FirmwareHost;
use schemas::tpvm::TpvmConfig;
use schemas::values::SecretName;
use schemas::{Case, State, Verdict};
use secrecy::SecretString;
use tokio::time::Instant;
use uuid::Uuid;

use crate::config::Timing;
use crate::efa::EfaApi;
use crate::outcome::Setback;
use crate::points::Point;
use crate::secrets::Secrets;
use crate::sites::Sites;
use crate::slx::{Dialect, Switch};
use crate::versions::SlxVersion;
use clock::PostgresClock;

pub use intend::Intended;

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
    clock: PostgresClock,
    around: &'a Surroundings,
    /// Something was written down in this look that is about to be sent.
    intended: AtomicBool,
    /// The secrets that were named so far.
    names: Mutex<Vec<SecretName>>,
}

impl<'a> Context<'a> {
    /// A step that was claimed just now, by a statement that was sent at `asked`.
    pub fn new(held: &'a HeldStep, asked: Instant, around: &'a Surroundings) -> Self {
        Self {
            held,
            clock: PostgresClock::told(held.now, asked),
            around,
            intended: AtomicBool::new(false),
            names: Mutex::default(),
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

    /// Postgres' time at the earliest. No worker's own clock decides anything.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.earliest()
    }

    /// Whether this step's time is over.
    pub fn past_deadline(&self) -> bool {
        self.now() > self.deadline()
    }

    /// What is left of this step's time.
    pub fn left(&self) -> Duration {
        (self.deadline() - self.now()).to_std().unwrap_or_default()
    }

    fn deadline(&self) -> DateTime<Utc> {
        self.held.started_at + self.timing().deadline(self.held.state)
    }

    /// A secret.
    ///
    /// # Errors
    /// A setback with its remedy if nothing is found under the name.
    pub fn secret(&self, name: &SecretName) -> Result<SecretString, Setback> {
        Ok(self.around.secrets.get(name)?)
    }

    /// The trusted peer's password, if the request names a secret for it. Nobody gets another
    /// secret of the workers written to a device: the inventory says which ones may be named.
    ///
    /// # Errors
    /// A setback with its remedy if the device's deployment does not allow the name, or nothing is
    /// found under it.
    pub fn trusted_peer_password(&self, target: &Target) -> Result<Option<SecretString>, Setback> {
        let Some(name) = &self.held.request.trusted_peer_password_secret else {
            return Ok(None);
        };
        if !target.trusted_peer_secrets.contains(name) {
            let deployment = &target.deployment;
            return Err(Setback::unreadable(
                format!(
                    "the secret {name} may not be used as a trusted peer's password: it is not one \
                     of trusted_peer_secrets of the EFA deployment {deployment} in the inventory"
                ),
                format!(
                    "name another secret; or, if this one is the trusted peer's password, add it \
                     to the deployment {deployment} in the inventory file (trusted_peer_secrets = \
                     [\"{name}\"], or one more name in that list), load the file with \
                     `tpvm-upgrade inventory load`, then request the upgrade again"
                ),
            ));
        }
        self.secret(name).map(Some)
    }

    /// The device with its deployment, from the EFA DB.
    ///
    /// # Errors
    /// A setback if it is not registered, or was not when the request was accepted: then nothing
    /// keeps a second upgrade out of the deployment.
    pub async fn target(&self) -> Result<Target, Setback> {
        let ip = self.held.request.ip_address;
        let target = self.around.ledger.target(ip).await?;
        if let Some(target) = &target {
            let own = target.device.password_secret.clone();
            self.names(own.into_iter().chain([target.password_secret.clone()]));
        }
        target
            .filter(|_| self.held.deployment.is_some())
            .ok_or_else(|| {
                Setback::unreadable(
                    format!("the device {ip} is not registered"),
                    "register the device with its EFA deployment, then request the upgrade again",
                )
            })
    }

    /// The firmware host of the request, from the EFA DB.
    ///
    /// # Errors
    /// A setback if it is not registered.
    pub async fn firmware_host(&self) -> Result<FirmwareHost, Setback> {
        let ip = self.held.request.firmware_host;
        let host = self.around.ledger.firmware_host(ip).await?.ok_or_else(|| {
            Setback::unreadable(
                format!("the firmware host {ip} is not registered"),
                "register the firmware host, then request the upgrade again",
            )
        })?;
        self.names([host.password_secret.clone()]);
        Ok(host)
    }

    /// The Node Replacement of this device that failed, if no upgrade of it got as far since. The
    /// device's TPVM configuration may be what that one left behind.
    ///
    /// # Errors
    /// As the ledger's.
    pub async fn failed_replacement(&self) -> Result<Option<Uuid>, Setback> {
        let filter = Filter {
            ip_address: Some(self.held.request.ip_address),
            limit: 1_000,
            ..Filter::default()
        };
        let executions = self.around.ledger.executions(&filter).await?;
        let own = self.held.token.execution_id;
        // A row that can't be read might be the one that counts.
        let last = executions.into_iter().find(|execution| {
            let other = |execution: &Execution| execution.id != own && execution.case.is_some();
            execution.as_ref().map_or(true, other)
        });
        let failed = last.and_then(Result::ok).filter(|execution| {
            execution.case == Some(Case::NodeReplacement)
                && execution.verdict == Some(Verdict::Failed)
        });
        Ok(failed.map(|execution| execution.id))
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
    /// A setback if the URL or a secret does not serve.
    pub fn efa(&self, target: &Target) -> Result<Box<dyn EfaApi>, Setback> {
        Ok(self.around.sites.efa(target)?)
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
