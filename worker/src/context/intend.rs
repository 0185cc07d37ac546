//! Commands that must not be sent twice, and what the ledger knows of them before they are sent.

use std::sync::atomic::Ordering;

use ledger::{Baseline, ConfigLines, Facts, Intent};
use schemas::State;
use tokio::time::Instant;

use super::Context;
use crate::outcome::Setback;
use crate::permit::Permit;
use crate::points::Point;

/// A command that the ledger knows to be about to be sent.
pub struct Intended {
    /// Leave to send it.
    pub permit: Permit,
    intent: Intent,
    named: fn(Intent) -> Facts,
}

impl Intended {
    /// What was learnt from the answer that the command was taken.
    pub fn answered(self) -> Facts {
        (self.named)(Intent {
            answered: true,
            ..self.intent
        })
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

    /// Writes an intent to the ledger, to send a command now for the nth time, with what could be
    /// seen just before; `named` is the fact that it becomes. The command may be sent once this
    /// returns, and as long as the permit holds: an intent is older than `settle` only when its
    /// command is no longer on the way.
    ///
    /// # Errors
    /// [`Setback::ClaimLost`] if somebody else holds the step, and a retry if the step's time ends
    /// before it would be known whether the command arrived, or if the permit is over: then
    /// nothing was sent. A state that ends, ends without a command on the way.
    pub async fn intend(
        &self,
        sends: i32,
        baseline: Baseline,
        named: fn(Intent) -> Facts,
    ) -> Result<Intended, Setback> {
        let timing = self.timing();
        let begun = Instant::now();
        // The intent must not look older to others than it is.
        let at = self.clock.latest(begun);
        if at + timing.settle > self.deadline() {
            return Err(Setback::retry(
                "too little time is left for this step to begin anything",
            ));
        }
        let intent = Intent {
            at,
            sends,
            baseline,
            answered: false,
        };
        self.note(&named(intent.clone())).await?;
        self.intended.store(true, Ordering::Relaxed);
        let window = timing.settle.saturating_sub(self.around.longest_command);
        let intended = Intended {
            permit: Permit::until(begun + window),
            intent,
            named,
        };
        self.passed(Point::Intended);
        Ok(intended)
    }

    /// Takes an intent back if the command was surely not sent, so that it does not count. It
    /// stays where that can't be written: then the device is observed first.
    ///
    /// # Errors
    /// As what was `sent`.
    pub async fn unless_sent<T>(
        &self,
        intended: &Intended,
        sent: Result<T, Setback>,
    ) -> Result<T, Setback> {
        if let Err(Setback::Retry { .. } | Setback::Unreadable { .. }) = &sent {
            self.intended.store(false, Ordering::Relaxed);
            let intent = Intent {
                sends: intended.intent.sends - 1,
                ..intended.intent.clone()
            };
            if let Err(Setback::ClaimLost) = self.note(&(intended.named)(intent)).await {
                return Err(Setback::ClaimLost);
            }
        }
        sent
    }
}
