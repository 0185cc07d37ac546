//! What an operator can do about a call that failed for good: the second half of
//! `detailed_status`.

use std::borrow::Cow;

use crate::efa::EfaError;
use crate::slx::{LastLine, SlxError};

impl SlxError {
    /// What to do next.
    pub fn remedy(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            SlxError::Connect { cause, .. } => return cause.remedy(),
            SlxError::HostKey { cause, .. } => cause.remedy(),
            SlxError::Login { cause, .. } => cause.remedy(),
            SlxError::Secret(_) => {
                "provide the secret to the workers under this name, then request the upgrade again"
            }
            SlxError::Timeout {
                last: LastLine::OtherPrompt(_),
                ..
            } => {
                "see whether the switch's host name was changed, or make session.prompt of the \
                 workers' dialect file match its prompt"
            }
            SlxError::Timeout { .. } => {
                "see why the switch is slow, or give it more time (slx.command_timeout)"
            }
            SlxError::Lost { .. } => {
                "see what ends SSH sessions with the switch, then request the upgrade again"
            }
            SlxError::TooLate { .. } => "look at the worker's machine, which stands still at times",
            SlxError::Busy { .. } => "wait until the other TPVM operation has ended",
            SlxError::Refused { .. } => {
                "mend what the switch reports, then request the upgrade again"
            }
            SlxError::Asks { .. } => {
                "log in to the switch by hand and settle what it asks, then request the upgrade again"
            }
            SlxError::UnknownItem { .. } => {
                "remove this line from the device's TPVM configuration, or give the workers a version or a dialect file that knows it, then request the upgrade again"
            }
            SlxError::Invalid { command, .. } if command == "slx_version" => {
                "SLX-OS of this switch can't be compared with the oldest that is accepted: upgrade SLX-OS first, then request the upgrade again"
            }
            SlxError::Unknown { .. } | SlxError::Invalid { .. } => {
                "compare the switch's output with the workers' dialect file"
            }
        })
    }
}

impl EfaError {
    /// What to do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            EfaError::Connect { .. } | EfaError::Timeout { .. } | EfaError::Lost { .. } => {
                "check that EFA's API can be reached, then request the upgrade again"
            }
            EfaError::TooLate { .. } => "look at the worker's machine, which stands still at times",
            EfaError::Tls { .. } => "give the workers the CA certificate of EFA (`efa.ca_file`)",
            EfaError::Login { .. } | EfaError::Secret(_) => {
                "correct the deployment's user and the secret that it names"
            }
            EfaError::Status { .. } | EfaError::Invalid { .. } => {
                "see EFA's log on the active node, then request the upgrade again"
            }
        }
    }
}
