//! The answer to an upgrade request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Message, V1};

/// Answers one upgrade request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Always 1.
    pub version: V1,
    /// The request answered; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    /// What became of it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is being carried out, or was already.
    Accepted {
        /// The execution, by which it is followed.
        execution_id: Uuid,
        /// This request id had been accepted before.
        duplicate: bool,
    },
    /// Nothing is or will be done.
    Rejected {
        /// Why; at least one reason.
        #[schemars(length(min = 1))]
        reasons: Vec<Reason>,
    },
}

/// Why a request was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people: the cause.
    pub message: String,
    /// For people: what to do next.
    pub remedy: String,
}

/// The kinds of reason. Others may be added: whoever reads one that it does not know takes the
/// request for rejected, and shows `message` and `remedy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// The message is not a valid upgrade request.
    MalformedRequest,
    /// The message has a version that this installation does not know.
    UnknownVersion,
    /// Another upgrade of the same EFA deployment has not finished.
    DeploymentBusy,
    /// The request id was used before, for a different request.
    RequestIdReused,
    /// The workers can't accept it as things stand, through no fault of the request. It is kept
    /// among the dead letters, and can be put back from there once the cause is removed.
    Internal,
}

impl Message for Reply {
    const TYPE: &'static str = "upgrade-reply";
}
