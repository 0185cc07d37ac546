//! The answer to an upgrade request.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Message, V1};
use crate::strict::Strict;
use crate::values::InvalidValue;

/// Answers one upgrade request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reply {
    /// Always 1.
    pub version: V1,
    /// The request answered; absent where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<super::fields::Id>")]
    pub request_id: Option<Uuid>,
    /// What became of it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is being carried out, or was already.
    Accepted {
        /// The execution, by which it is followed.
        #[schemars(with = "super::fields::Id")]
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

/// A reply on the wire, whose fields depend on the answer: what the other answer would need is
/// an unknown field, and as such not looked at. serde's own tagged enums are read more liberally.
#[derive(Deserialize)]
struct Fields {
    version: V1,
    #[serde(default, deserialize_with = "super::fields::optional_id")]
    request_id: Option<Uuid>,
    answer: AnswerKind,
    #[serde(default)]
    execution_id: Value,
    #[serde(default)]
    duplicate: Value,
    #[serde(default)]
    reasons: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnswerKind {
    Accepted,
    Rejected,
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        let answer = match fields.answer {
            AnswerKind::Accepted => Answer::Accepted {
                execution_id: super::fields::id(Strict::new(fields.execution_id))
                    .map_err(|_| unfit("execution_id of an accepted request", "a UUID"))?,
                duplicate: bool::deserialize(Strict::new(fields.duplicate))
                    .map_err(|_| unfit("duplicate of an accepted request", "a boolean"))?,
            },
            AnswerKind::Rejected => {
                let reasons = Vec::deserialize(Strict::new(fields.reasons)).unwrap_or_default();
                if reasons.is_empty() {
                    return Err(unfit(
                        "reasons of a rejected request",
                        "an array of at least one reason, each with code, message and remedy",
                    ));
                }
                Answer::Rejected { reasons }
            }
        };
        Ok(Reply {
            version: fields.version,
            request_id: fields.request_id,
            answer,
        })
    }
}

fn unfit<E: serde::de::Error>(what: &'static str, expected: &'static str) -> E {
    E::custom(InvalidValue { what, expected })
}

impl Message for Reply {
    const TYPE: &'static str = "upgrade-reply";
}
