//! Operations that run on by themselves after their command was answered.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

use crate::faults::Tagged;
use crate::settings::Settings;

/// How an operation will end.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Upgrade {
        version: String,
        /// A new address, if it changes.
        ip: Option<Ipv4Addr>,
    },
    /// The image could not be fetched: the old TPVM is started again.
    FailedDownload(Tagged),
    /// The image could not be applied: the old TPVM stays stopped.
    FailedUpgrade(Tagged),
    Install {
        version: String,
        ip: Ipv4Addr,
    },
    FailedInstall(Tagged),
    Revert {
        /// Another version than the snapshot's.
        version: Option<String>,
        /// Another address than the snapshot's.
        ip: Option<Ipv4Addr>,
    },
    FailedRevert(Tagged),
}

/// The share of an upgrade's time after which each phase ends, and what the device calls it.
const UPGRADE_PHASES: [(f64, &str); 5] = [
    (0.1, "stopping TPVM"),
    (0.2, "taking snapshot"),
    (0.5, "downloading image"),
    (0.9, "upgrading TPVM"),
    (1.0, "starting TPVM"),
];

/// Longer than any simulation.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// An operation under way.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) plan: Plan,
    started: Instant,
    duration: Duration,
}

impl Operation {
    /// An endless one is under way for as long as anyone looks.
    pub(super) fn new(plan: Plan, endless: bool, started: Instant, settings: &Settings) -> Self {
        let duration = match plan {
            _ if endless => ENDLESS,
            Plan::Upgrade { .. } => settings.upgrade,
            Plan::FailedDownload(_) => settings.upgrade.mul_f64(UPGRADE_PHASES[2].0),
            Plan::FailedUpgrade(_) => settings.upgrade.mul_f64(UPGRADE_PHASES[3].0),
            Plan::Install { .. } | Plan::FailedInstall(_) => settings.install,
            Plan::Revert { .. } | Plan::FailedRevert(_) => settings.revert,
        };
        Self {
            plan,
            started,
            duration,
        }
    }

    pub(crate) fn end(&self) -> Instant {
        self.started + self.duration
    }

    /// What `show tpvm status` says of it.
    pub(crate) fn status(&self, upgrade: Duration) -> String {
        match self.plan {
            Plan::Upgrade { .. } | Plan::FailedDownload(_) | Plan::FailedUpgrade(_) => {
                let passed = self.started.elapsed();
                let phase = UPGRADE_PHASES
                    .iter()
                    .find(|(share, _)| passed < upgrade.mul_f64(*share))
                    .map_or("starting TPVM", |(_, phase)| phase);
                format!("TPVM upgrade is in progress: {phase}")
            }
            Plan::Install { .. } | Plan::FailedInstall(_) => {
                "TPVM installation is in progress".to_owned()
            }
            Plan::Revert { .. } | Plan::FailedRevert(_) => "TPVM revert is in progress".to_owned(),
        }
    }
}
