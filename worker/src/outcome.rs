//! What an action may return. An action talks to the device or to EFA and returns a value; the
//! engine writes it down and tells others.

use ledger::{Facts, LedgerError};
use schemas::Case;

use crate::efa::{self, EfaError};
use crate::secrets::SecretError;
use crate::slx::{self, SlxError};

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
#[derive(Debug, PartialEq, Eq)]
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
    },
    /// A command may or may not have taken effect: observe until it is known.
    Unknown {
        /// What was attempted, and how it went.
        attempted: String,
    },
    /// Somebody else holds the step now: nothing may be done or written any more.
    ClaimLost,
}

impl Setback {
    /// A permanent failure with its remedy.
    pub fn failed(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Setback::Failed {
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }

    /// A transient one.
    pub fn retry(cause: impl Into<String>) -> Self {
        Setback::Retry {
            cause: cause.into(),
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

/// Reading from a device: what passes is tried again, the rest is a failure.
impl From<SlxError> for Setback {
    fn from(error: SlxError) -> Self {
        if error.is_transient() {
            Setback::retry(chain(&error))
        } else {
            Setback::failed(chain(&error), error.remedy())
        }
    }
}

/// Reading from EFA: as from a device.
impl From<EfaError> for Setback {
    fn from(error: EfaError) -> Self {
        if error.is_transient() {
            Setback::retry(chain(&error))
        } else {
            Setback::failed(chain(&error), error.remedy())
        }
    }
}

impl From<SecretError> for Setback {
    fn from(error: SecretError) -> Self {
        Setback::failed(
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
            Setback::failed(
                chain(&error),
                "see the worker's log; the EFA DB refused a statement",
            )
        }
    }
}

/// A disruptive command that was sent to a device without a clear acceptance.
pub fn command_setback(what: &str, error: SlxError) -> Setback {
    match error.effect() {
        slx::Effect::None => error.into(),
        slx::Effect::Perhaps => Setback::Unknown {
            attempted: format!("{what}: {}", chain(&error)),
        },
    }
}

/// The redeploy request, sent to EFA without a clear acceptance.
pub fn redeploy_setback(error: EfaError) -> Setback {
    match error.effect() {
        efa::Effect::None => error.into(),
        efa::Effect::Perhaps => Setback::Unknown {
            attempted: format!("redeploy of the peer: {}", chain(&error)),
        },
    }
}
