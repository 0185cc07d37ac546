//! The workflow as one pure function. Everything that runs it, recovers it, documents it or draws
//! it asks [`next`].
//!
//! Source: the topic "TPVM Upgrade Workflow States" of the EFA Deployment Guide (2.5.1 to 3.0.0).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::slug::{self, UnknownName};

/// A state of the TPVM upgrade workflow. The slugs are stable: they stand in messages, queue
/// names, the ledger and `failed_state`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The request was accepted; the first step has not begun.
    WorkflowStarted,
    /// The device, its deployment and the firmware host are fit for an upgrade.
    DeviceValidation,
    /// What the device itself says decides between the two cases.
    TpvmConfigValidation,
    /// The running-config is programmed from the EFA DB.
    TpvmConfiguration,
    /// The TPVM is installed and started.
    TpvmInstallation,
    /// The TPVM image is upgraded.
    TpvmUpgrade,
    /// A failed upgrade is rolled back.
    TpvmRevert,
    /// The active EFA node deploys EFA on the peer, which rejoins.
    EfaDeployPeerAndRejoin,
    /// The end.
    WorkflowFinished,
}

impl State {
    /// Every state, in the order of the vendor's table.
    pub const ALL: [State; 9] = [
        State::WorkflowStarted,
        State::DeviceValidation,
        State::TpvmConfigValidation,
        State::TpvmConfiguration,
        State::TpvmInstallation,
        State::TpvmUpgrade,
        State::TpvmRevert,
        State::EfaDeployPeerAndRejoin,
        State::WorkflowFinished,
    ];

    /// The states in which a worker does something: all but the first and the last.
    pub const ACTING: [State; 7] = [
        State::DeviceValidation,
        State::TpvmConfigValidation,
        State::TpvmConfiguration,
        State::TpvmInstallation,
        State::TpvmUpgrade,
        State::TpvmRevert,
        State::EfaDeployPeerAndRejoin,
    ];

    /// The stable machine-readable name.
    pub const fn slug(self) -> &'static str {
        match self {
            State::WorkflowStarted => "workflow-started",
            State::DeviceValidation => "device-validation",
            State::TpvmConfigValidation => "tpvm-config-validation",
            State::TpvmConfiguration => "tpvm-configuration",
            State::TpvmInstallation => "tpvm-installation",
            State::TpvmUpgrade => "tpvm-upgrade",
            State::TpvmRevert => "tpvm-revert",
            State::EfaDeployPeerAndRejoin => "efa-deploy-peer-and-rejoin",
            State::WorkflowFinished => "workflow-finished",
        }
    }

    /// The vendor's name.
    pub const fn title(self) -> &'static str {
        match self {
            State::WorkflowStarted => "TPVM Upgrade Workflow Started",
            State::DeviceValidation => "Device Validation",
            State::TpvmConfigValidation => "TPVM Config Validation",
            State::TpvmConfiguration => "TPVM Configuration",
            State::TpvmInstallation => "TPVM Installation",
            State::TpvmUpgrade => "TPVM Upgrade",
            State::TpvmRevert => "TPVM Revert",
            State::EfaDeployPeerAndRejoin => "EFA Deploy Peer and Rejoin",
            State::WorkflowFinished => "TPVM Upgrade Workflow Finished",
        }
    }

    /// What the vendor's `failed_state` says of a failure in this state, for example
    /// `device-validation-failed`.
    pub fn failed_slug(self) -> String {
        format!("{}-failed", self.slug())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for State {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        slug::find("workflow state", &Self::ALL, Self::slug, text)
    }
}

/// Which of the two upgrades this is. Decided in [`State::TpvmConfigValidation`] from what the
/// device says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// The device has a TPVM with its configuration: its image is upgraded.
    NormalUpgrade,
    /// The device was replaced and has no TPVM: it is configured and installed anew.
    NodeReplacement,
}

impl Case {
    /// Both cases.
    pub const ALL: [Case; 2] = [Case::NormalUpgrade, Case::NodeReplacement];

    /// The stable machine-readable name.
    pub const fn slug(self) -> &'static str {
        match self {
            Case::NormalUpgrade => "normal-upgrade",
            Case::NodeReplacement => "node-replacement",
        }
    }

    /// The vendor's name.
    pub const fn title(self) -> &'static str {
        match self {
            Case::NormalUpgrade => "Normal Upgrade",
            Case::NodeReplacement => "Node Replacement",
        }
    }

    /// What the vendor's `upgrade_type` says, in the style of its example `incremental upgrade`.
    pub const fn upgrade_type(self) -> &'static str {
        match self {
            Case::NormalUpgrade => "normal upgrade",
            Case::NodeReplacement => "node replacement",
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Case {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        slug::find("upgrade case", &Self::ALL, Self::slug, text)
    }
}

/// How a state ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The state did what it is for.
    Success,
    /// It did not, for good.
    Failure,
}

impl Outcome {
    /// Both outcomes.
    pub const ALL: [Outcome; 2] = [Outcome::Success, Outcome::Failure];

    /// The stable machine-readable name.
    pub const fn slug(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
        }
    }
}

impl FromStr for Outcome {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        slug::find("outcome", &Self::ALL, Self::slug, text)
    }
}

/// The table has no such arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the workflow has no arrow from {} on {} in the case {}", .from.slug(), .outcome.slug(), .case.map_or("(undecided)", Case::slug))]
pub struct NoArrow {
    /// The state left.
    pub from: State,
    /// The case, if it was decided.
    pub case: Option<Case>,
    /// How the state ended.
    pub outcome: Outcome,
}

/// The state that follows: the vendor's table, and nothing else.
///
/// Where the table contradicts itself (a failed [`State::EfaDeployPeerAndRejoin`] of a Node
/// Replacement goes to TPVM Revert by one row, while that state is for Normal Upgrades only by
/// another) a Node Replacement finishes: it has no snapshot to go back to.
///
/// # Errors
/// [`NoArrow`] for every combination that the table does not have.
pub const fn next(from: State, case: Case, outcome: Outcome) -> Result<State, NoArrow> {
    use Case::{NodeReplacement, NormalUpgrade};
    use Outcome::{Failure, Success};
    use State::*;

    Ok(match (from, case, outcome) {
        (WorkflowStarted, _, Success) => DeviceValidation,
        (DeviceValidation, _, Success) => TpvmConfigValidation,
        (DeviceValidation, _, Failure) => WorkflowFinished,
        (TpvmConfigValidation, NormalUpgrade, Success) => TpvmUpgrade,
        (TpvmConfigValidation, NodeReplacement, Success) => TpvmConfiguration,
        (TpvmConfigValidation, _, Failure) => WorkflowFinished,
        (TpvmConfiguration, NodeReplacement, Success) => TpvmInstallation,
        (TpvmConfiguration, NodeReplacement, Failure) => WorkflowFinished,
        (TpvmInstallation, NodeReplacement, Success) => EfaDeployPeerAndRejoin,
        (TpvmInstallation, NodeReplacement, Failure) => WorkflowFinished,
        (TpvmUpgrade, NormalUpgrade, Success) => EfaDeployPeerAndRejoin,
        (TpvmUpgrade, NormalUpgrade, Failure) => TpvmRevert,
        (TpvmRevert, NormalUpgrade, Success | Failure) => WorkflowFinished,
        (EfaDeployPeerAndRejoin, _, Success) => WorkflowFinished,
        (EfaDeployPeerAndRejoin, NormalUpgrade, Failure) => TpvmRevert,
        (EfaDeployPeerAndRejoin, NodeReplacement, Failure) => WorkflowFinished,
        _ => {
            return Err(NoArrow {
                from,
                case: Some(case),
                outcome,
            });
        }
    })
}

/// The state that follows while the case may still be undecided: then both cases must agree.
///
/// # Errors
/// [`NoArrow`] as [`next`], and where an undecided case would decide the way.
pub fn next_undecided(from: State, case: Option<Case>, outcome: Outcome) -> Result<State, NoArrow> {
    let Some(case) = case else {
        let normal = next(from, Case::NormalUpgrade, outcome);
        let replacement = next(from, Case::NodeReplacement, outcome);
        return match (normal, replacement) {
            (Ok(one), Ok(other)) if one == other => Ok(one),
            _ => Err(NoArrow {
                from,
                case: None,
                outcome,
            }),
        };
    };
    next(from, case, outcome)
}
