//! What an upgrade has learnt so far.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use schemas::State;
use serde::{Deserialize, Serialize};

/// What an upgrade has learnt so far. Writes are merged into what the ledger has, key by key at
/// the top level: an absent key leaves the earlier value, a present one replaces it. Keys that
/// this program does not know stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The switch's SLX-OS version, for example `20.5.1a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slx_version: Option<String>,
    /// The version of EFA before the upgrade; it must be the same afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efa_version: Option<String>,
    /// The addresses of the EFA nodes before the upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efa_node_ips: Option<Vec<IpAddr>>,
    /// The TPVM's version before the upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// The TPVM's version that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_version: Option<String>,
    /// The TPVM's management address before the upgrade; it must be the same afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpvm_ip: Option<IpAddr>,
    /// What changed in the persisted TPVM configuration, for people: names of items and values
    /// that are no secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_changes: Option<Vec<String>>,
    /// `tpvm upgrade` is about to be sent, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Intent>,
    /// `tpvm deploy` is about to be sent, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<Intent>,
    /// `tpvm revert` is about to be sent, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<Intent>,
    /// The redeploy of the peer is about to be asked for, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy: Option<Intent>,
    /// The id under which EFA reports on the redeploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy_id: Option<String>,
    /// The peer was seen down since the upgrade began: an `up` after that is not a stale one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_seen_down: Option<bool>,
    /// The lines of the TPVM configuration are about to be written, or were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigLines>,
    /// What a look could not read last, once a command may have been sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
    /// What EFA shows while a redeploy has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_seen: Option<PeerSeen>,
    /// The logins that the switch did not take in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_logins: Option<FailedLogins>,
    /// When the TPVM was first seen to run its former version again, by Postgres' clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_at: Option<DateTime<Utc>>,
}

/// The logins that a switch did not take in one step. They are counted across workers, since a
/// switch locks an account after some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedLogins {
    /// The step's number.
    pub seq: i32,
    /// How many.
    pub count: u32,
}

/// A command is about to be sent. Written before it is, so that whoever comes after a crash knows
/// that it may have taken effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// When, by Postgres' clock.
    pub at: DateTime<Utc>,
    /// How many there were with this one, without those that were withdrawn since their command
    /// was certainly not sent. Of those that are neither in `written` nor withdrawn nobody knows
    /// whether their command was sent: the worker died.
    pub sends: i32,
    /// What could be seen just before.
    pub baseline: Baseline,
    /// The device or EFA has answered that it took the command: nothing is on its way any more.
    #[serde(default)]
    pub answered: bool,
    /// How many of them were written to the device or to EFA, with an answer or without.
    #[serde(default)]
    pub written: i32,
    /// How many of those were answered: the device or EFA took the command.
    #[serde(default)]
    pub answers: i32,
}

impl Intent {
    /// The first one, or one more after an earlier one.
    #[must_use]
    pub fn after(earlier: Option<&Intent>, at: DateTime<Utc>, baseline: Baseline) -> Self {
        Self {
            at,
            sends: earlier.map_or(0, |intent| intent.sends) + 1,
            baseline,
            answered: false,
            written: earlier.map_or(0, Intent::known_sends),
            answers: earlier.map_or(0, |intent| intent.answers),
        }
    }

    /// Its command was written to the device or to EFA, and no answer came.
    #[must_use]
    pub fn unanswered(self) -> Self {
        Self {
            written: self.written + 1,
            ..self
        }
    }

    /// The device or EFA has answered that it took the command.
    #[must_use]
    pub fn answered(self) -> Self {
        Self {
            answered: true,
            written: self.written + 1,
            answers: self.answers + 1,
            ..self
        }
    }

    /// How often the command is known to have been sent. Rows from before this was counted tell
    /// only of an answer.
    pub fn known_sends(&self) -> i32 {
        self.written.max(i32::from(self.answered))
    }

    /// How many of them nobody knows of whether their command was sent.
    pub fn unknown_sends(&self) -> i32 {
        (self.sends - self.known_sends()).max(0)
    }
}

/// What EFA last showed of the peer while a redeploy has no answer, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSeen {
    /// Whether it was up.
    pub up: bool,
    /// When the deployment was made, as EFA says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<String>,
    /// Since when, by Postgres' clock.
    pub since: DateTime<Utc>,
}

/// Lines of configuration. Each sets an item to a value, so writing them again changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigLines {
    /// How often the device has accepted all of them.
    pub accepted: u32,
}

/// An answer that told nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The state that looked.
    pub state: State,
    /// When the look began, by Postgres' clock.
    pub at: DateTime<Utc>,
    /// What was read instead, without secrets.
    pub text: String,
}

/// What could be seen just before a command, to tell its effect from what was there already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The TPVM's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The snapshot that the device held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The status tags that the device showed.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When EFA was deployed, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<String>,
    /// Whether EFA showed the peer as up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_up: Option<bool>,
}

impl Facts {
    /// How many logins the switch did not take in the step with this number.
    pub fn failed_logins(&self, seq: i32) -> u32 {
        let counted = self.failed_logins.filter(|failed| failed.seq == seq);
        counted.map_or(0, |failed| failed.count)
    }
}
