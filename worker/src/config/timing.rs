//! `[timing]`: deadlines, poll intervals, bounds of attempts.

use std::time::Duration;

use schemars::JsonSchema;
use schemas::State;
use serde::{Deserialize, Serialize};

use super::duration;

/// `[timing]`: the vendor documents none of these; they are this project's choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// How often a device or EFA is asked how far its long work is.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub poll: Duration,
    /// The delay before the first retry of a step after a transient error.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub retry_first: Duration,
    /// The longest delay between retries.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub retry_max: Duration,
    /// How many retries in a row a step has.
    pub retry_attempts: u32,
    /// After how many workers in a row that died at a step its state fails without being tried
    /// again. A worker that was stopped in order, or lost its claim and lives, does not count.
    pub max_deaths: u32,
    /// How old an intent must be before a device that shows no trace of the command counts as
    /// not having got it. Longer than `slx.command_timeout`: the difference is how late after
    /// its intent a command may still be sent.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub settle: Duration,
    /// How often a command that left no trace is sent in all. Intents of which nobody knows
    /// whether their command was sent, since the worker died, don't count; the state's deadline
    /// bounds them.
    pub max_sends: u32,
    /// For how long EFA must show no change of the peer (up or down, time of the deployment)
    /// before a redeploy without an answer counts as not taken, and one more is asked for.
    /// Longer than a redeploy under way leaves the peer without any change, and than
    /// `timing.settle`.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub redeploy_quiet: Duration,
    /// How long after a revert the EFA node may take to come back before that is reported.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub rejoin_grace: Duration,
    /// The bound on Device Validation and on TPVM Config Validation, each.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub validation_deadline: Duration,
    /// The bound on TPVM Configuration.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub configuration_deadline: Duration,
    /// The bound on TPVM Installation.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub installation_deadline: Duration,
    /// The bound on TPVM Upgrade.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub upgrade_deadline: Duration,
    /// The bound on TPVM Revert.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub revert_deadline: Duration,
    /// The bound on EFA Deploy Peer and Rejoin.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub redeploy_deadline: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            poll: Duration::from_secs(15),
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            retry_attempts: 20,
            max_deaths: 5,
            settle: Duration::from_secs(150),
            max_sends: 2,
            redeploy_quiet: Duration::from_secs(10 * MINUTE),
            rejoin_grace: Duration::from_secs(5 * MINUTE),
            validation_deadline: Duration::from_secs(10 * MINUTE),
            configuration_deadline: Duration::from_secs(10 * MINUTE),
            installation_deadline: Duration::from_secs(45 * MINUTE),
            upgrade_deadline: Duration::from_secs(60 * MINUTE),
            revert_deadline: Duration::from_secs(45 * MINUTE),
            redeploy_deadline: Duration::from_secs(60 * MINUTE),
        }
    }
}

impl Timing {
    /// The bound on one state.
    pub fn deadline(&self, state: State) -> Duration {
        match state {
            State::WorkflowStarted
            | State::WorkflowFinished
            | State::DeviceValidation
            | State::TpvmConfigValidation => self.validation_deadline,
            State::TpvmConfiguration => self.configuration_deadline,
            State::TpvmInstallation => self.installation_deadline,
            State::TpvmUpgrade => self.upgrade_deadline,
            State::TpvmRevert => self.revert_deadline,
            State::EfaDeployPeerAndRejoin => self.redeploy_deadline,
        }
    }
}
