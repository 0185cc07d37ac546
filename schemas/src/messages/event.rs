//! What happened: published for each change of state.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Message, V1};
use crate::status::{UpdateState, Verdict};
use crate::values::{Requester, address};
use crate::workflow::State;

/// A change of state of one execution. Published at least once: a consumer that must not count
/// twice keeps the last `seq` of each execution. The field names are the vendor's where it has
/// one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Always 1.
    pub version: V1,
    /// What kind of change.
    pub kind: EventKind,
    /// The execution.
    #[serde(deserialize_with = "super::fields::id")]
    #[schemars(with = "super::fields::Id")]
    pub execution_id: Uuid,
    /// The request that started it.
    #[serde(deserialize_with = "super::fields::id")]
    #[schemars(with = "super::fields::Id")]
    pub request_id: Uuid,
    /// The number of the change in the execution, from 1 without gaps.
    #[serde(deserialize_with = "super::fields::seq")]
    #[schemars(range(min = 1, max = i32::MAX))]
    pub seq: i32,
    /// The management address of the switch.
    #[serde(deserialize_with = "address::required")]
    #[schemars(with = "address::Address")]
    pub ip_address: IpAddr,
    /// The EFA deployment; absent for a device that is not registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Who asked for it.
    pub requested_by: Requester,
    /// The state left.
    pub from_state: State,
    /// The state entered.
    pub state: State,
    /// `In-Progress`, `Completed` or `Failed`.
    pub update_state: UpdateState,
    /// A short sentence, for example `TPVM Upgrade Completed`.
    pub status: String,
    /// The cause and the remedy of a failure; `None` where there is nothing to say.
    pub detailed_status: String,
    /// Where it failed, for example `device-validation-failed`; empty if it did not.
    pub failed_state: String,
    /// `normal upgrade` or `node replacement`; absent until decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_type: Option<String>,
    /// How it ended; absent until it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When the ledger recorded the change.
    #[serde(deserialize_with = "super::fields::time")]
    #[schemars(with = "super::fields::Time")]
    pub time: DateTime<Utc>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The execution entered a state.
    StateChanged,
    /// The execution ended.
    Finished,
}

impl Message for Event {
    const TYPE: &'static str = "upgrade-event";
}
