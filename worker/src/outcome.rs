//! What an action may return. An action talks to the device or to EFA and returns a value; the
//! engine writes it down and tells others.

use ledger::{Facts, LedgerError};
use schemas::Case;

use crate::efa::{self, EfaError};
use crate::secrets::SecretError;
use crate::slx::{self, SlxError, Spent};

/// What became of one look at a step.
pub type Performed = Result<Progress, Setback>;

/// The step goes on.
#[derive(Debug)]
pub enum Progress {
    /// The state did what it is for.
    Done(Done),
    /// The device or EFA is busy; look again after a while. Nothing is held meanwhile.
    Waiting {
        /// What is waited for, for people.
        why: String,
        /// What was learnt so far.
        facts: Facts,
    },
}

/// A state that succeeded.
#[derive(Debug, Default)]
pub struct Done {
    /// What was done or found, for people.
    pub detail: String,
    /// What was learnt.
    pub facts: Facts,
    /// The case, where this state decides it.
    pub case: Option<Case>,
}

impl Done {
    /// Succeeded without learning anything.
    pub fn because(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::default()
        }
    }
}

impl Progress {
    /// Look again later, with nothing learnt.
    pub fn wait(why: impl Into<String>) -> Self {
        Progress::Waiting {
            why: why.into(),
            facts: Facts::default(),
        }
    }
}

impl From<Done> for Progress {
    fn from(done: Done) -> Self {
        Progress::Done(done)
    }
}

/// The step does not go on.
#[derive(Debug, PartialEq)]
pub enum Setback {
    /// Permanent and understood: go along the failure arrow.
    Failed {
        /// What happened.
        cause: String,
        /// What to do next.
        remedy: String,
    },
    /// Transient: the same step again after a delay, bounded by attempts and by the deadline.
    Retry {
        /// What happened.
        cause: String,
        /// What to do if it stays like that.
        remedy: String,
    },
    /// The device refuses a command of ours as long as it is busy: sent again after a delay,
    /// bounded by attempts and by the deadline. Nothing was sent that it took.
    Busy {
        /// What happened.
        cause: String,
    },
    /// A look that tells nothing: what was read is refused, can't be understood, contradicts itself
    /// or is missing. Before the upgrade has sent a command that is a failure; once it may have
    /// sent one, the look is repeated until the state's deadline.
    Unreadable {
        /// What was read instead, without secrets.
        cause: String,
        /// What to do if it stays like that.
        remedy: String,
        /// How soon to look again.
        again: Again,
    },
    /// A command may or may not have taken effect: observe until it is known.
    Unknown {
        /// What was attempted, and how it went.
        attempted: String,
        /// What is known of the command. Boxed, since it is large and rare.
        facts: Box<Facts>,
    },
    /// The switch did not take a login that was sent. Each one may lock the account, so they are
    /// counted.
    Login {
        /// What happened.
        cause: String,
        /// What to do next.
        remedy: String,
        /// Whether it was refused, or may have been.
        spent: Spent,
    },
    /// Somebody else holds the step now: nothing may be done or written any more.
    ClaimLost,
}

/// How soon a look that told nothing is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// At first sooner than usual: mostly it passes.
    Soon,
    /// Less and less often: each look is a refused login, and enough of them lock an account.
    Seldom,
}

impl Setback {
    /// A permanent failure with its remedy: there is evidence of it.
    pub fn failed(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Setback::Failed {
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }

    /// A look that tells nothing, with what to do if it stays like that.
    pub fn unreadable(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Setback::Unreadable {
            cause: cause.into(),
            remedy: remedy.into(),
            again: Again::Soon,
        }
    }

    /// A transient one.
    pub fn retry(cause: impl Into<String>) -> Self {
        Self::passing(cause, "fix the cause above, then request the upgrade again")
    }

    /// A transient one, with what to do if it stays like that.
    pub fn passing(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Setback::Retry {
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

/// An error with its whole chain of causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What to do about it, and that it leads to another request.
fn and_again(remedy: &str) -> String {
    match remedy.contains("request the upgrade again") {
        true => remedy.to_owned(),
        false => format!("{remedy}; then request the upgrade again"),
    }
}

/// Reading from a device: what passes is tried again; the rest tells nothing about the TPVM.
impl From<SlxError> for Setback {
    fn from(error: SlxError) -> Self {
        if let Some(spent) = error.spent_login() {
            return Setback::Login {
                cause: chain(&error),
                remedy: and_again(&error.remedy()),
                spent,
            };
        }
        if error.is_transient() {
            return Setback::passing(chain(&error), and_again(&error.remedy()));
        }
        Setback::Unreadable {
            cause: chain(&error),
            remedy: and_again(&error.remedy()),
            again: match error {
                SlxError::Login { .. } => Again::Seldom,
                _ => Again::Soon,
            },
        }
    }
}

/// Reading from EFA: as from a device.
impl From<EfaError> for Setback {
    fn from(error: EfaError) -> Self {
        if error.is_transient() {
            return Setback::passing(chain(&error), and_again(error.remedy()));
        }
        Setback::Unreadable {
            cause: chain(&error),
            remedy: and_again(error.remedy()),
            again: match error {
                EfaError::Login { .. } => Again::Seldom,
                _ => Again::Soon,
            },
        }
    }
}

impl From<SecretError> for Setback {
    fn from(error: SecretError) -> Self {
        Setback::unreadable(
            chain(&error),
            "provide the secret to the workers under this name, then request the upgrade again",
        )
    }
}

impl From<LedgerError> for Setback {
    fn from(error: LedgerError) -> Self {
        if error.is_transient() {
            Setback::retry(chain(&error))
        } else {
            Setback::unreadable(
                chain(&error),
                "see the worker's log; the EFA DB refused a statement",
            )
        }
    }
}

/// A command that changes a device and was sent without a clear acceptance. That the device
/// refused it is evidence, and so is a value of ours that can't be sent.
pub fn command_setback(what: &str, error: SlxError) -> Setback {
    match error.effect() {
        slx::Effect::None => match error {
            SlxError::Refused { .. } | SlxError::Invalid { .. } => {
                Setback::failed(chain(&error), and_again(&error.remedy()))
            }
            SlxError::Busy { .. } => Setback::Busy {
                cause: chain(&error),
            },
            error => error.into(),
        },
        slx::Effect::Perhaps => Setback::Unknown {
            attempted: format!("{what}: {}", chain(&error)),
            facts: Box::default(),
        },
    }
}

/// The redeploy request, sent to EFA without a clear acceptance. Only EFA's own refusal of it is
/// evidence: a page of something on the way, or a login that is refused, is none.
pub fn redeploy_setback(error: EfaError) -> Setback {
    match error.effect() {
        efa::Effect::None if error.is_refusal() => {
            Setback::failed(chain(&error), and_again(error.remedy()))
        }
        efa::Effect::None => error.into(),
        efa::Effect::Perhaps => Setback::Unknown {
            attempted: format!("redeploy of the peer: {}", chain(&error)),
            facts: Box::default(),
        },
    }
}
