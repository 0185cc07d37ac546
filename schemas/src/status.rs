//! The vendor's vocabulary for how an upgrade stands, and the finer verdict beside it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::slug::{self, UnknownName};
use crate::workflow::State;

/// The vendor's `update_state` (XCO 3.8.0 API, `TpvmUpgradeSwitchStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UpdateState {
    /// Not finished.
    #[serde(rename = "In-Progress")]
    InProgress,
    /// Finished as asked.
    Completed,
    /// Finished otherwise.
    Failed,
}

impl UpdateState {
    /// The vendor's word for an upgrade with this verdict, or with none yet.
    pub const fn of(verdict: Option<Verdict>) -> Self {
        match verdict {
            None => UpdateState::InProgress,
            Some(Verdict::Succeeded) => UpdateState::Completed,
            Some(_) => UpdateState::Failed,
        }
    }

    /// The vendor's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            UpdateState::InProgress => "In-Progress",
            UpdateState::Completed => "Completed",
            UpdateState::Failed => "Failed",
        }
    }
}

impl fmt::Display for UpdateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an upgrade ended, finer than `update_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The TPVM runs the wanted version and EFA has rejoined.
    Succeeded,
    /// It failed, and there was nothing to roll back.
    Failed,
    /// It failed, and the TPVM runs its former version again; `detailed_status` says whether EFA
    /// has come back on it.
    Reverted,
    /// It failed, and so did the roll-back: someone must look at the device.
    RevertFailed,
    /// Reserved for an upgrade that is cancelled before anything is changed: no version of the
    /// workers ends one like this yet.
    Cancelled,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 5] = [
        Verdict::Succeeded,
        Verdict::Failed,
        Verdict::Reverted,
        Verdict::RevertFailed,
        Verdict::Cancelled,
    ];

    /// The stable machine-readable name.
    pub const fn slug(self) -> &'static str {
        match self {
            Verdict::Succeeded => "succeeded",
            Verdict::Failed => "failed",
            Verdict::Reverted => "reverted",
            Verdict::RevertFailed => "revert-failed",
            Verdict::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Verdict {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        slug::find("verdict", &Self::ALL, Self::slug, text)
    }
}

/// The vendor's `status`: a short sentence, for example `TPVM Upgrade Completed`.
pub fn status(state: State, verdict: Option<Verdict>) -> String {
    match UpdateState::of(verdict) {
        UpdateState::InProgress => format!("{} In-Progress", state.title()),
        UpdateState::Completed => "TPVM Upgrade Completed".to_owned(),
        UpdateState::Failed => "TPVM Upgrade Failed".to_owned(),
    }
}

/// What `detailed_status` says where there is nothing to say.
pub const NO_DETAIL: &str = "None";

/// A failure in words: the cause and, behind it, the remedy.
pub fn cause_and_remedy(cause: &str, remedy: &str) -> String {
    format!("{cause}. Remedy: {remedy}")
}

/// The vendor's `detailed_status` of an upgrade. A failure that happened stands there to the end,
/// also while it is rolled back and after it was; `detail` is what the last step did, or what is
/// waited for, and has nothing to add to an upgrade that completed.
pub fn detailed_status(
    verdict: Option<Verdict>,
    failure: Option<(&str, &str)>,
    detail: Option<&str>,
) -> String {
    match (verdict, failure, detail) {
        (Some(Verdict::Succeeded), ..) | (_, None, None) => NO_DETAIL.to_owned(),
        (_, None, Some(detail)) => detail.to_owned(),
        (_, Some((cause, remedy)), None) => cause_and_remedy(cause, remedy),
        (None, Some((cause, remedy)), Some(detail)) => {
            format!(
                "{detail} (after a failure: {})",
                cause_and_remedy(cause, remedy)
            )
        }
        // The cause tells of the time before the revert, and may no longer be so.
        (Some(_), Some((cause, remedy)), Some(detail)) => cause_and_remedy(
            &format!("Before the revert: {cause}. After it: {detail}"),
            remedy,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Causes tell of the moment of the failure, details of what came after it.
    #[test]
    fn when_an_upgrade_was_reverted_then_cause_and_detail_are_told_with_their_times() {
        for (cause, detail) in [
            ("the TPVM is not running", "the TPVM was reverted to 4.2.4"),
            (
                "no other EFA node is active and up",
                "nothing to revert: the TPVM runs 4.2.4",
            ),
            (
                "after the upgrade the TPVM runs 4.9.9, not 4.2.5",
                "the TPVM was reverted to 4.2.4, but EFA has not come back on it: tpvm2 is down",
            ),
        ] {
            let text =
                detailed_status(Some(Verdict::Reverted), Some((cause, "look")), Some(detail));
            assert_eq!(
                text,
                format!("Before the revert: {cause}. After it: {detail}. Remedy: look")
            );
        }
    }
}
