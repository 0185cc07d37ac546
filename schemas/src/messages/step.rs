//! The messages between workers. They only say where to look; the ledger says what is true.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Message, V1};
use crate::workflow::State;

/// Asks for one step of an execution to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Always 1.
    pub version: V1,
    /// The execution.
    #[serde(deserialize_with = "super::fields::id")]
    #[schemars(with = "super::fields::Id")]
    pub execution_id: Uuid,
    /// The number of the step in the execution, from 1. A message with another number than the
    /// ledger's is stale.
    #[serde(deserialize_with = "super::fields::seq")]
    #[schemars(range(min = 1, max = i32::MAX))]
    pub seq: i32,
    /// The state to act in.
    pub state: State,
}

/// Asks for a failed upgrade to be rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revert {
    /// Always 1.
    pub version: V1,
    /// The execution.
    #[serde(deserialize_with = "super::fields::id")]
    #[schemars(with = "super::fields::Id")]
    pub execution_id: Uuid,
    /// The number of the step in the execution, from 1.
    #[serde(deserialize_with = "super::fields::seq")]
    #[schemars(range(min = 1, max = i32::MAX))]
    pub seq: i32,
    /// The state that failed.
    pub failed: State,
}

impl Message for Step {
    const TYPE: &'static str = "step";
}

impl Message for Revert {
    const TYPE: &'static str = "revert";
}
