//! What can go wrong between a worker and a switch.

mod host_key;
mod login;
mod unconnected;

use crate::effect::Effect;
use crate::secrets::SecretError;

pub use host_key::{ShownKey, Untrusted};
pub use login::LoginFailure;
pub use unconnected::Unconnected;

/// The commands that change nothing.
const READS: [&str; 6] = [
    "slx_version",
    "tpvm_status",
    "tpvm_version",
    "tpvm_addresses",
    "tpvm_snapshot",
    "running_config",
];

/// What leads to the block of the TPVM's configuration.
const WAY_IN: [&str; 2] = ["configure", "begin"];

/// A call to a switch that failed. `command` is the name of a command in the dialect, never its
/// text; `output` is what the switch printed, without secrets and at most 2 KiB of it.
#[derive(Debug, thiserror::Error)]
pub enum SlxError {
    /// No session: TCP, the SSH handshake, the shell or the first prompt failed.
    #[error("no SSH session with {host}: {cause}")]
    Connect {
        /// Address and port.
        host: String,
        /// What failed.
        cause: Box<Unconnected>,
        /// The SSH library's error, if it gave one.
        #[source]
        source: Option<Box<russh::Error>>,
    },
    /// The switch's host key is not trusted.
    #[error("the host key of {host} is not trusted: {cause}")]
    HostKey {
        /// Address and port.
        host: String,
        /// What is wrong with it.
        cause: Box<Untrusted>,
    },
    /// The switch did not take the login.
    #[error("{host} did not take the login of {user}: {cause}")]
    Login {
        /// Address and port.
        host: String,
        /// The user.
        user: String,
        /// Why.
        cause: LoginFailure,
    },
    /// A secret that the call needs can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The prompt did not come back in time.
    #[error("no answer to {command} in time; {last}")]
    Timeout {
        /// The command.
        command: String,
        /// What came last.
        last: LastLine,
    },
    /// The leave to send the command had ended, so it was not sent.
    #[error("{command} was not sent: the worker had stood still for too long")]
    TooLate {
        /// The command.
        command: String,
    },
    /// The session ended before the prompt came back.
    #[error("the session ended before {command} was answered")]
    Lost {
        /// The command.
        command: String,
    },
    /// The switch refused the command with an error that the dialect knows.
    #[error("the switch refused {command}: {output}")]
    Refused {
        /// The command.
        command: String,
        /// What the switch printed.
        output: String,
    },
    /// The switch refused the command because another TPVM operation is running.
    #[error("the switch is busy with another TPVM operation and refused {command}: {output}")]
    Busy {
        /// The command.
        command: String,
        /// What the switch printed.
        output: String,
    },
    /// The switch printed something that the dialect doesn't know.
    #[error("the answer to {command} is not understood: {output}")]
    Unknown {
        /// The command.
        command: String,
        /// What the switch printed.
        output: String,
    },
    /// The switch asked something that a worker does not answer, and the session was ended.
    #[error("the switch asks a question after {command}, which was not answered: {question}")]
    Asks {
        /// The command.
        command: String,
        /// What the switch printed, up to the question.
        question: String,
    },
    /// The TPVM configuration of the switch has a line of an item that the dialect does not know.
    /// Left out, it would be lost from the EFA DB.
    #[error(
        "the TPVM configuration of the switch has a line that can't be kept in the EFA DB: {line}"
    )]
    UnknownItem {
        /// The line.
        line: String,
    },
    /// A value that can't be used: one in the output that its type refuses, or one of ours that
    /// can't be written on a command line. Nothing was sent because of it.
    #[error("{command}: {what}")]
    Invalid {
        /// The command.
        command: String,
        /// Which value and what was expected, in words.
        what: String,
    },
}

/// The last line that came before a time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// Nothing came.
    None,
    /// This one.
    Line(String),
    /// This one, which looks like a prompt, but not like the one of this session.
    OtherPrompt(String),
}

impl std::fmt::Display for LastLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LastLine::None => f.write_str("nothing was received"),
            LastLine::Line(line) => write!(f, "the last line received: {line:?}"),
            LastLine::OtherPrompt(line) => write!(
                f,
                "the last line received looks like a prompt, but not like the one of this \
                 session: {line:?}"
            ),
        }
    }
}

impl SlxError {
    /// Whether the command that failed may have been applied. Of the several lines of a
    /// configuration, those before the failed one were applied in either case.
    pub fn effect(&self) -> Effect {
        match self {
            SlxError::Connect { .. }
            | SlxError::HostKey { .. }
            | SlxError::Login { .. }
            | SlxError::Secret(_)
            | SlxError::TooLate { .. }
            | SlxError::Refused { .. }
            | SlxError::Busy { .. }
            | SlxError::UnknownItem { .. }
            | SlxError::Invalid { .. } => Effect::None,
            SlxError::Timeout { command, .. }
            | SlxError::Lost { command }
            | SlxError::Asks { command, .. }
            | SlxError::Unknown { command, .. } => match READS.contains(&command.as_str()) {
                true => Effect::None,
                false => Effect::Perhaps,
            },
        }
    }

    /// Whether a call that takes several lines got no answer that is understood to one of those
    /// that lead to the named command, so that this one was not sent.
    pub fn is_before(&self, command: &str) -> bool {
        match self {
            SlxError::Timeout {
                command: failed, ..
            }
            | SlxError::Lost {
                command: failed, ..
            }
            | SlxError::Unknown {
                command: failed, ..
            } => failed != command && WAY_IN.contains(&failed.as_str()),
            _ => false,
        }
    }

    /// Whether the same call may succeed a little later without anyone's help. A login is never
    /// simply tried again: [`SlxError::spent_login`].
    pub fn is_transient(&self) -> bool {
        match self {
            SlxError::Connect { cause, .. } => cause.is_transient(),
            // A session that is slow, broke, or met another operation.
            SlxError::Timeout { .. }
            | SlxError::TooLate { .. }
            | SlxError::Lost { .. }
            | SlxError::Busy { .. } => true,
            // Settings and secrets that only a person changes.
            SlxError::HostKey { .. }
            | SlxError::Login { .. }
            | SlxError::Secret(_)
            // What the switch says, it will say again.
            | SlxError::Refused { .. }
            | SlxError::Asks { .. }
            | SlxError::Unknown { .. }
            | SlxError::UnknownItem { .. }
            | SlxError::Invalid { .. } => false,
        }
    }

    /// Whether a login was sent and not accepted. Switches lock an account after some of these.
    pub fn spent_login(&self) -> Option<Spent> {
        match self {
            SlxError::Login { cause, .. } => match cause {
                LoginFailure::Refused { .. } | LoginFailure::Question(_) => Some(Spent::Refused),
                LoginFailure::Unanswered(_) => Some(Spent::Unanswered),
                LoginFailure::NoCredentials
                | LoginFailure::UnreadableKey
                | LoginFailure::NoCommonMethod(_) => None,
            },
            _ => None,
        }
    }
}

/// How a login that was sent was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The switch refused it.
    Refused,
    /// The connection ended, or the time was over: it may be a refusal.
    Unanswered,
}
