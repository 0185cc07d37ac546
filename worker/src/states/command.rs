//! The one rule for commands that take long and must not be sent twice: observe; done, working
//! or failed settle it; a device without a trace of the command is believed only when the
//! command can no longer be on its way.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ledger::{Baseline, Intent};

use crate::config::Timing;
use crate::context::{Context, Intended};
use crate::outcome::{Done, Performed, Progress, Setback, command_setback};
use crate::points::Point;
use crate::slx::{Addresses, Phase, Severity, SlxError, Switch, TpvmStatus};
use crate::versions::TpvmVersion;

/// While this is so, it is not known whether the right version runs.
pub const NO_VERSION: &str = "the device tells no version of the running TPVM yet";
/// While this is so, it is not known whether the address has stayed.
pub const NO_ADDRESS: &str = "the TPVM has no address yet that its peers could expect";

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
    /// The command is to be sent.
    Send,
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
        (Seen::NoTrace, None) => Next::Send,
        // Withdrawn: it was not sent.
        (Seen::NoTrace, Some(intent)) if intent.sends == 0 => Next::Send,
        (Seen::NoTrace, Some(intent)) if now < intent.at + timing.settle => Next::Stop(Ok(
            Progress::wait("waiting for the device to show whether it took the command"),
        )),
        // Intents of which nothing more is known are bounded by the deadline alone.
        (Seen::NoTrace, Some(intent)) if may_send(timing, intent) => Next::Send,
        (Seen::NoTrace, Some(intent)) => Next::Stop(Err(Setback::failed(
            format!("{}, and the device shows no effect", sends(intent)),
            "look at the device's log, then request the upgrade again",
        ))),
    }
}

/// A command that the device did not clearly accept. That it refused the first one is evidence; a
/// refusal of a later one may come of the first, which it took after all.
pub fn not_taken(what: &str, earlier: Option<&Intent>, error: SlxError) -> Setback {
    match command_setback(what, error) {
        Setback::Failed { cause, remedy } if earlier.is_some_and(|intent| intent.sends > 0) => {
            Setback::unreadable(cause, remedy)
        }
        setback => setback,
    }
}

/// Whether a command may be sent once more that left no trace.
pub fn may_send(timing: &Timing, intent: &Intent) -> bool {
    intent.known_sends().cast_unsigned() < timing.max_sends
}

/// How often a command was sent, as far as it is known.
pub fn sends(intent: &Intent) -> String {
    let times = |count: i32| match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let mut text = format!("the command was sent {}", times(intent.known_sends()));
    if intent.unknown_sends() > 0 {
        let unknown = times(intent.unknown_sends());
        text += &format!(" (and {unknown} a worker ended before it was known whether it was sent)");
    }
    text
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
    /// before the others or is after them, or shows something else after them.
    ///
    /// If it is at work, it is: nothing else is asked, for the guest may be down.
    ///
    /// # Errors
    /// As the device's.
    pub async fn read(device: &mut dyn Switch) -> Result<Self, Setback> {
        let before = device.tpvm_status().await?;
        if let Phase::Working(_) = before.phase {
            return Ok(Self::at_work(before));
        }
        let running = before.phase == Phase::Running;
        let version = device.tpvm_version().await;
        let snapshot = device.snapshot().await;
        let mut after = device.tpvm_status().await?;
        // A message that one of the two answers lacks is there all the same: they stay until cleared.
        for tag in before.tags {
            if !after.tags.iter().any(|known| known.name == tag.name) {
                after.tags.push(tag);
            }
        }
        if let Phase::Working(_) = after.phase {
            return Ok(Self::at_work(after));
        }
        if after.phase != before.phase {
            after.phase = Phase::Working("it changes its state".to_owned());
            return Ok(Self::at_work(after));
        }
        Ok(Self {
            status: after,
            version: unless_down(running, version)?,
            snapshot: unless_down(running, snapshot)?,
        })
    }

    fn at_work(status: TpvmStatus) -> Self {
        Self {
            status,
            version: None,
            snapshot: None,
        }
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
            ..Baseline::default()
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

    /// Whether nothing at all changed since the intent was written. An answer that was cut short
    /// is no change.
    pub fn unchanged(&self, before: &Baseline) -> bool {
        let version = match (self.version_text(), &before.version) {
            (Some(now), Some(before)) => is_version(&now, before) || cut_short(&now, before),
            (now, before) => now.is_none() && before.is_none(),
        };
        let snapshot = match (&self.snapshot, &before.snapshot) {
            (Some(now), Some(before)) => now.starts_with(before) || before.starts_with(now),
            (now, before) => now.is_none() && before.is_none(),
        };
        !matches!(self.status.phase, Phase::Working(_))
            && version
            && snapshot
            && self.new_error(before).is_none()
    }
}

/// What a device that has no guest, or a stopped one, does not tell, it has not.
fn unless_down<T>(
    running: bool,
    answer: Result<Option<T>, SlxError>,
) -> Result<Option<T>, SlxError> {
    match answer {
        Err(SlxError::Refused { .. } | SlxError::Busy { .. }) if !running => Ok(None),
        answer => answer,
    }
}

/// Whether two texts are the same version: 4.2.5 is 4.2.5.0.
pub fn is_version(one: &str, other: &str) -> bool {
    match (one.parse::<TpvmVersion>(), other.parse::<TpvmVersion>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// Whether a version may be the wanted one whose answer was cut short. It is no evidence then.
pub fn cut_short(version: &str, wanted: &str) -> bool {
    version.len() < wanted.len() && wanted.starts_with(version) && !is_version(version, wanted)
}

/// Whether the TPVM is where its peers expect it.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// It is, or nobody knows what they expect.
    Expected,
    /// It has another address instead.
    Other(IpAddr),
    /// It has none yet that could be the expected one.
    NotYet,
}

/// Compares the TPVM's addresses with the one that its peers expect.
pub fn place(expected: Option<IpAddr>, ips: &Addresses) -> Place {
    match expected {
        None if ips.first().is_some() => Place::Expected,
        Some(expected) if ips.contains(expected) => Place::Expected,
        Some(expected) => match ips.instead_of(expected) {
            Some(other) => Place::Other(other),
            None => Place::NotYet,
        },
        None => Place::NotYet,
    }
}

#[cfg(test)]
mod tests;
