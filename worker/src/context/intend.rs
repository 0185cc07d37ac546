//! Commands that must not be sent twice, and what the ledger knows of them: before they are sent,
//! and after.

use std::sync::atomic::Ordering;

use ledger::{Baseline, ConfigLines, Facts, Intent};
use schemas::State;
use tokio::time::{Instant, timeout_at};

use super::{Context, fenced};
use crate::engine::persist::until_settled;
use crate::outcome::{Setback, chain};
use crate::permit::Permit;
use crate::points::Point;

/// A command that the ledger knows to be about to be sent.
pub struct Intended {
    /// Leave to send it.
    pub permit: Permit,
    intent: Intent,
    /// The one before it.
    earlier: Option<Intent>,
    named: fn(Intent) -> Facts,
}

impl Intended {
    /// What was learnt from the answer that the command was taken.
    pub fn answered(self) -> Facts {
        (self.named)(self.intent.answered())
    }

    /// What is known of a command that was written and has no answer.
    fn unanswered(&self) -> Facts {
        (self.named)(self.intent.clone().unanswered())
    }

    /// As if it had never been: its command was certainly not sent.
    fn withdrawn(&self) -> Facts {
        let never = || Intent {
            sends: 0,
            ..self.intent.clone()
        };
        (self.named)(self.earlier.clone().unwrap_or_else(never))
    }
}

impl Context<'_> {
    /// Whether the upgrade may have sent a command that disrupts something, in this state or in an
    /// earlier one. The lines of the TPVM configuration count in their own state only: they
    /// disrupt nothing.
    pub fn commanded(&self) -> bool {
        let facts = self.facts();
        let intents = [
            &facts.install,
            &facts.upgrade,
            &facts.revert,
            &facts.redeploy,
        ];
        let mut intents = intents.into_iter().flatten();
        intents.any(|intent| intent.sends > 0)
            || facts.redeploy_id.is_some()
            || self.state() == State::TpvmConfiguration && facts.configuration.is_some()
            || self.intended.load(Ordering::Relaxed)
    }

    /// Writes to the ledger that lines of the TPVM configuration are about to be written, which
    /// the device has accepted so often before.
    ///
    /// # Errors
    /// As [`Context::note`]'s.
    pub async fn intend_lines(&self, lines: ConfigLines) -> Result<(), Setback> {
        let facts = Facts {
            configuration: Some(lines),
            ..Facts::default()
        };
        self.note(&facts).await?;
        self.intended.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a command that was sent in an earlier look may still be on its way.
    pub fn command_on_its_way(&self) -> bool {
        let facts = self.facts();
        let intent = match self.state() {
            State::TpvmInstallation => &facts.install,
            State::TpvmUpgrade => &facts.upgrade,
            State::TpvmRevert => &facts.revert,
            State::EfaDeployPeerAndRejoin => &facts.redeploy,
            State::WorkflowStarted
            | State::DeviceValidation
            | State::TpvmConfigValidation
            | State::TpvmConfiguration
            | State::WorkflowFinished => &None,
        };
        intent.as_ref().is_some_and(|intent| {
            intent.sends > 0 && !intent.answered && self.now() < intent.at + self.timing().settle
        })
    }

    /// Whether so much of the step's time is left that a command which is sent now is known to
    /// have arrived, or not, before it ends.
    pub fn time_to_send(&self) -> bool {
        self.clock.latest(Instant::now()) + self.timing().settle <= self.deadline()
    }

    /// Writes an intent to the ledger, to send a command now, with what could be seen just before;
    /// `earlier` is the intent that there was, and `named` the fact that it becomes. The command
    /// may be sent once this returns, and as long as the permit holds: an intent is older than
    /// `settle` only when its command is no longer on the way.
    ///
    /// # Errors
    /// [`Setback::ClaimLost`] if somebody else holds the step, and a retry if the step's time ends
    /// before it would be known whether the command arrived, or if the permit is over before the
    /// ledger has the intent: then nothing was sent. A state that ends, ends without a command on
    /// the way.
    pub async fn intend(
        &self,
        earlier: Option<&Intent>,
        baseline: Baseline,
        named: fn(Intent) -> Facts,
    ) -> Result<Intended, Setback> {
        let begun = Instant::now();
        if !self.time_to_send() {
            return Err(Setback::retry(
                "too little time is left for this step to begin anything",
            ));
        }
        // The intent must not look older to others than it is.
        let at = self.clock.latest(begun);
        let intent = Intent::after(earlier, at, baseline);
        let settle = self.timing().settle;
        let not_after = begun + settle.saturating_sub(self.around.longest_command);
        let intended = Intended {
            permit: Permit::until(not_after),
            intent: intent.clone(),
            earlier: earlier.cloned(),
            named,
        };
        let noted = self.note_until_settled("note an intent", named(intent));
        match timeout_at(not_after, noted).await {
            Ok(noted) => noted?,
            // Its statement may have reached the ledger all the same.
            Err(_) => {
                self.withdraw(&intended).await?;
                return Err(Setback::retry(
                    "the ledger could not be reached in time, so no command was sent",
                ));
            }
        }
        self.intended.store(true, Ordering::Relaxed);
        self.passed(Point::Intended);
        Ok(intended)
    }

    /// What became of a command, for the ledger: an intent is withdrawn if its command was
    /// certainly not sent or was refused, and one that was written without an answer is counted.
    ///
    /// # Errors
    /// As what was `sent`.
    pub async fn outcome_of<T>(
        &self,
        intended: &Intended,
        sent: Result<T, Setback>,
    ) -> Result<T, Setback> {
        match sent {
            Err(Setback::Unknown { attempted, .. }) => Err(Setback::Unknown {
                attempted,
                facts: Box::new(intended.unanswered()),
            }),
            Err(
                setback @ (Setback::Retry { .. }
                | Setback::Busy { .. }
                | Setback::Unreadable { .. }
                | Setback::Failed { .. }),
            ) => {
                self.intended.store(false, Ordering::Relaxed);
                self.withdraw(intended).await?;
                Err(setback)
            }
            other => other,
        }
    }

    /// The command was certainly not sent. Where the ledger refuses that for good, the intent
    /// stays: then the device is observed first.
    async fn withdraw(&self, intended: &Intended) -> Result<(), Setback> {
        let facts = intended.withdrawn();
        match self.note_until_settled("withdraw an intent", facts).await {
            Err(Setback::Failed { cause, .. }) => {
                tracing::error!(cause, "an intent stays though nothing was sent");
                Ok(())
            }
            withdrawn => withdrawn,
        }
    }

    /// Retries like every other write. It ends with the claim at the latest: whoever performs a
    /// step stops when the claim is lost or the worker is stopped.
    async fn note_until_settled(&self, what: &'static str, facts: Facts) -> Result<(), Setback> {
        let around = self.around;
        let noted = until_settled(what, || {
            around.ledger.note(&self.held.token, &facts, around.claim)
        });
        match noted.await {
            Ok(noted) => fenced(noted),
            Err(error) => Err(Setback::failed(
                chain(&error),
                "see the worker's log; the ledger refused a statement. Then request the upgrade again",
            )),
        }
    }
}
