//! The one rule for commands that take long and must not be sent twice: observe; done, working
//! or failed settle it; a device without a trace of the command is believed only when the
//! command can no longer be on its way.

use chrono::{DateTime, Utc};
use ledger::{Baseline, Intent};

use crate::config::Timing;
use crate::context::{Context, Intended};
use crate::outcome::{Done, Performed, Progress, Setback};
use crate::points::Point;
use crate::slx::{Phase, Severity, Switch, TpvmStatus};
use crate::versions::TpvmVersion;

/// What the device shows of a long command.
pub enum Seen {
    /// It did what it is for.
    Done(Done),
    /// It is at it, or not yet settled.
    Working(String),
    /// It ended otherwise.
    Failed(Setback),
    /// There is no trace of it.
    NoTrace,
}

/// What follows from it.
pub enum Next {
    /// This.
    Stop(Performed),
    /// The command is to be sent, for the nth time.
    Send(i32),
}

/// Decides whether to wait, to stop, or to send the command.
pub fn decide(context: &Context<'_>, seen: Seen, intent: Option<&Intent>) -> Next {
    rule(context.timing(), context.now(), seen, intent)
}

fn rule(timing: &Timing, now: DateTime<Utc>, seen: Seen, intent: Option<&Intent>) -> Next {
    match (seen, intent) {
        (Seen::Done(done), _) => Next::Stop(Ok(done.into())),
        (Seen::Working(why), _) => Next::Stop(Ok(Progress::wait(why))),
        (Seen::Failed(setback), _) => Next::Stop(Err(setback)),
        (Seen::NoTrace, None) => Next::Send(1),
        // Taken back: it was not sent.
        (Seen::NoTrace, Some(intent)) if intent.sends == 0 => Next::Send(1),
        (Seen::NoTrace, Some(intent)) if now < intent.at + timing.settle => Next::Stop(Ok(
            Progress::wait("waiting for the device to show whether it took the command"),
        )),
        (Seen::NoTrace, Some(intent)) if intent.sends.cast_unsigned() < timing.max_sends => {
            Next::Send(intent.sends + 1)
        }
        (Seen::NoTrace, Some(intent)) => Next::Stop(Err(Setback::failed(
            format!(
                "the command was sent {} times and the device shows no effect",
                intent.sends
            ),
            "look at the device's log, then request the upgrade again",
        ))),
    }
}

/// The waiting that follows a command that the device accepted.
pub fn sent(context: &Context<'_>, intended: Intended, what: &str) -> Performed {
    context.passed(Point::Commanded);
    Ok(Progress::Waiting {
        why: format!("{what} is initiated"),
        facts: intended.answered(),
    })
}

/// The TPVM as the device shows it.
pub struct Tpvm {
    /// Installed, running, busy; and the messages that stay until cleared.
    pub status: TpvmStatus,
    /// Its image's version, if it has one.
    pub version: Option<TpvmVersion>,
    /// The snapshot that a revert would go back to.
    pub snapshot: Option<String>,
}

impl Tpvm {
    /// Asks the device. Its answers come one after the other: what it begins, or ends, between
    /// them must not look like an operation that ended otherwise. So it is at work if it was
    /// before the others or is after them.
    ///
    /// # Errors
    /// As the device's.
    pub async fn read(device: &mut dyn Switch) -> Result<Self, Setback> {
        let before = device.tpvm_status().await?;
        let version = device.tpvm_version().await?;
        let snapshot = device.snapshot().await?;
        let mut status = device.tpvm_status().await?;
        if let Phase::Working(_) = before.phase {
            status.phase = before.phase;
        }
        Ok(Self {
            status,
            version,
            snapshot,
        })
    }

    /// What an intent remembers of it.
    pub fn baseline(&self) -> Baseline {
        Baseline {
            version: self.version_text(),
            snapshot: self.snapshot.clone(),
            tags: self
                .status
                .tags
                .iter()
                .map(|tag| tag.name.clone())
                .collect(),
            deployed_at: None,
        }
    }

    /// The version in words.
    pub fn version_text(&self) -> Option<String> {
        self.version.as_ref().map(ToString::to_string)
    }

    /// The first error message that was not there before the command. Tagged messages stay
    /// until they are cleared, so older ones say nothing about it.
    pub fn new_error(&self, before: &Baseline) -> Option<String> {
        self.status
            .tags
            .iter()
            .find(|tag| tag.severity == Severity::Error && !before.tags.contains(&tag.name))
            .map(|tag| format!("[{}] {}", tag.name, tag.text))
    }

    /// Whether nothing at all changed since the intent was written.
    pub fn unchanged(&self, before: &Baseline) -> bool {
        !matches!(self.status.phase, Phase::Working(_))
            && self.snapshot == before.snapshot
            && self.version_text() == before.version
            && self.new_error(before).is_none()
    }
}

#[cfg(test)]
mod tests;
