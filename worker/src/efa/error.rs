//! What can go wrong between a worker and EFA.

use crate::effect::Effect;
use crate::secrets::SecretError;

/// The one call that changes something.
pub(super) const REDEPLOY: &str = "POST /monitor/redeploy";

/// A call to EFA that failed. `call` is the method and the path; `url` is the API's base.
#[derive(Debug, thiserror::Error)]
pub enum EfaError {
    /// No connection.
    #[error("no connection to EFA at {url}. Check address, port and network")]
    Connect {
        /// The base of the API.
        url: String,
        /// The HTTP library's error.
        #[source]
        source: reqwest::Error,
    },
    /// EFA's certificate is not trusted, or TLS failed otherwise.
    #[error("no TLS session with EFA at {url}: {what}. Check the CA file and the address")]
    Tls {
        /// The base of the API, or the CA file.
        url: String,
        /// What failed, in words.
        what: String,
    },
    /// EFA refused the login or the token.
    #[error("EFA at {url} refused {user}: {message}. Check the user and the secret")]
    Login {
        /// The base of the API.
        url: String,
        /// The user.
        user: String,
        /// What EFA said, at most 512 bytes.
        message: String,
    },
    /// The password can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The answer is an error.
    #[error("{call} was answered with status {code}: {message}")]
    Status {
        /// The call.
        call: String,
        /// The HTTP status.
        code: u16,
        /// What it said, at most 512 bytes.
        message: String,
        /// EFA's own form of an error, and no page of something on the way.
        own: bool,
    },
    /// No whole answer in time.
    #[error("EFA did not answer {call} in time")]
    Timeout {
        /// The call.
        call: String,
    },
    /// The leave to send the call had ended, so it was not sent.
    #[error("{call} was not sent: the worker had stood still for too long")]
    TooLate {
        /// The call.
        call: String,
    },
    /// The connection broke before the answer was whole.
    #[error("the connection broke before EFA answered {call}")]
    Lost {
        /// The call.
        call: String,
        /// The HTTP library's error.
        #[source]
        source: reqwest::Error,
    },
    /// The answer has not the meaning that it must have, or a value of ours can't be sent.
    #[error("{call}: {what}")]
    Invalid {
        /// The call.
        call: String,
        /// What was wrong, in words.
        what: String,
    },
}

impl EfaError {
    /// Whether the call that failed may have changed something. Only a redeploy does; a status
    /// from 400 to 499 refuses it, except 408, which follows a request that was cut off.
    pub fn effect(&self) -> Effect {
        match self {
            EfaError::Connect { .. }
            | EfaError::Tls { .. }
            | EfaError::Login { .. }
            | EfaError::TooLate { .. }
            | EfaError::Secret(_) => Effect::None,
            EfaError::Status { code, .. } if *code != 408 && (400..500).contains(code) => {
                Effect::None
            }
            EfaError::Status { call, .. }
            | EfaError::Timeout { call }
            | EfaError::Lost { call, .. }
            | EfaError::Invalid { call, .. } => match call == REDEPLOY {
                true => Effect::Perhaps,
                false => Effect::None,
            },
        }
    }

    /// Whether EFA itself, in its own form of an error, refused what was asked for. What is
    /// missing, forbidden or busy may be so for a moment only.
    pub fn is_refusal(&self) -> bool {
        match self {
            EfaError::Status { code, own, .. } => {
                *own && (400..500).contains(code)
                    && !matches!(code, 401 | 403 | 404 | 408 | 409 | 423 | 425 | 429)
            }
            _ => false,
        }
    }

    /// Whether the same call may succeed a little later without anyone's help.
    pub fn is_transient(&self) -> bool {
        match self {
            EfaError::Connect { .. }
            | EfaError::Timeout { .. }
            | EfaError::TooLate { .. }
            | EfaError::Lost { .. } => true,
            EfaError::Status { code, .. } => matches!(code, 408 | 429 | 500..=599),
            EfaError::Tls { .. }
            | EfaError::Login { .. }
            | EfaError::Secret(_)
            | EfaError::Invalid { .. } => false,
        }
    }
}
