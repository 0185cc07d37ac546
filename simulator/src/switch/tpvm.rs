//! The TPVM of one switch and what is being done to it.
//!
//! Nothing runs in the background: an operation is a plan with an end, and whoever looks at the
//! TPVM after that end sees it carried out. So a thousand switches need no timer.

mod operation;

use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

pub(crate) use self::operation::{Operation, Plan};
use super::config::TpvmConfig;
use super::health::Health;
use crate::faults::Tagged;
use crate::fleet::SwitchSpec;
use crate::settings::Settings;

/// An installed TPVM.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) version: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) running: bool,
    /// EFA is installed in it.
    pub(crate) efa: bool,
}

/// What `tpvm revert` goes back to.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) guest: Guest,
    pub(crate) taken: DateTime<Utc>,
}

/// Everything about a switch that changes.
#[derive(Clone, Debug)]
pub(crate) struct Tpvm {
    pub(crate) firmware: String,
    pub(crate) config: Option<TpvmConfig>,
    pub(crate) guest: Option<Guest>,
    pub(crate) snapshot: Option<Snapshot>,
    /// Tagged lines of `show tpvm status`: tag and the rest.
    pub(crate) tags: Vec<(String, String)>,
    /// The version of the image in `/tftpboot/SWBD2900`.
    pub(crate) image: Option<String>,
    pub(crate) operation: Option<Operation>,
    pub(crate) health: Health,
    /// The address that a DHCP server gives.
    pub(crate) dhcp_ip: Ipv4Addr,
    operations: u64,
}

impl Tpvm {
    pub(crate) fn new(spec: &SwitchSpec) -> Self {
        let guest = spec.tpvm_version.as_ref().map(|version| Guest {
            version: version.clone(),
            ip: spec.tpvm_ip,
            running: true,
            efa: true,
        });
        Self {
            firmware: spec.firmware.clone(),
            config: spec.config.clone(),
            health: match guest {
                Some(_) => Health::up(Instant::now()),
                None => Health::down(),
            },
            guest,
            snapshot: None,
            tags: Vec::new(),
            image: spec.image.clone(),
            operation: None,
            dhcp_ip: spec.tpvm_ip,
            operations: 0,
        }
    }

    /// Carries out what has ended by `now`.
    pub(crate) fn advance(&mut self, now: Instant, settings: &Settings) {
        if self
            .operation
            .as_ref()
            .is_some_and(|running| running.end() <= now)
            && let Some(ended) = self.operation.take()
        {
            self.finish(ended, settings);
        }
    }

    /// Begins an operation that runs on by itself, to its end or for ever.
    pub(crate) fn begin(&mut self, plan: Plan, endless: bool, settings: &Settings) {
        let now = Instant::now();
        let operation = Operation::new(plan, endless, now, settings);
        self.health
            .lose(now, operation.end(), settings.stale_status);
        self.operations += 1;
        if let Some(guest) = &mut self.guest {
            guest.running = false;
        }
        self.operation = Some(operation);
    }

    /// Starts a stopped TPVM; its EFA, if it has one, comes back by itself.
    pub(crate) fn start(&mut self, at: Instant, settings: &Settings) {
        if let Some(guest) = &mut self.guest {
            guest.running = true;
            if guest.efa {
                self.health.regain(at + settings.rejoin);
            }
        }
    }

    pub(crate) fn stop(&mut self, settings: &Settings) {
        if let Some(guest) = &mut self.guest {
            guest.running = false;
            let now = Instant::now();
            self.health.lose(now, now, settings.stale_status);
        }
    }

    /// A redeploy that ended at `at` put EFA on this node; false if the TPVM doesn't run.
    pub(crate) fn rejoin(&mut self, at: Instant) -> bool {
        match &mut self.guest {
            Some(guest) if guest.running => {
                guest.efa = true;
                self.health.regain(at);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn hostname(&self) -> Option<&str> {
        self.config.as_ref()?.hostname.as_deref()
    }

    /// The address that the TPVM gets by its configuration.
    pub(crate) fn configured_ip(&self) -> Ipv4Addr {
        let management = self
            .config
            .as_ref()
            .and_then(|config| config.management.as_ref());
        management
            .and_then(|interface| interface.ip.split_once('/'))
            .and_then(|(address, _)| address.parse().ok())
            .unwrap_or(self.dhcp_ip)
    }

    fn finish(&mut self, operation: Operation, settings: &Settings) {
        let end = operation.end();
        match operation.plan {
            Plan::Upgrade { version, ip } => {
                if let Some(guest) = &mut self.guest {
                    guest.version = version;
                    guest.efa = false;
                    if let Some(ip) = ip {
                        guest.ip = ip;
                    }
                }
                self.start(end, settings);
            }
            Plan::FailedDownload(failure) => {
                self.tag("upgrade", failure);
                self.start(end, settings);
            }
            Plan::FailedUpgrade(failure) => self.tag("upgrade", failure),
            Plan::Install { version, ip } => {
                self.guest = Some(Guest {
                    version,
                    ip,
                    running: true,
                    efa: false,
                });
            }
            Plan::FailedInstall(failure) => self.tag("install", failure),
            Plan::Revert { version, ip } => {
                if let Some(Snapshot { mut guest, .. }) = self.snapshot.take() {
                    guest.version = version.unwrap_or(guest.version);
                    guest.ip = ip.unwrap_or(guest.ip);
                    self.guest = Some(guest);
                }
                self.start(end, settings);
            }
            Plan::FailedRevert(failure) => self.tag("revert", failure),
        }
    }

    fn tag(&mut self, operation: &str, failure: Tagged) {
        let tag = failure
            .tag
            .unwrap_or_else(|| format!("{operation}-{}", self.operations));
        self.tags.push((tag, format!("ERROR: {}", failure.text)));
    }
}
