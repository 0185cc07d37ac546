//! For how long nothing came: bytes may be cut anywhere, so that silence decides what a line is.

use std::time::Duration;

/// For how long a switch has sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::slx) enum Quiet {
    /// Long enough for its own prompt, which nothing else looks like.
    Briefly,
    /// Long enough for a question or for another prompt: text may look like them, but does not end
    /// there.
    Shortly,
    /// So long that whatever the switch does first, such as the echo, it would have done.
    Clearly,
    /// So long that the prompt may have been lost.
    Long,
    /// As before, once more.
    Longest,
}

impl Quiet {
    pub(in crate::slx) const ALL: [Quiet; 5] = [
        Quiet::Briefly,
        Quiet::Shortly,
        Quiet::Clearly,
        Quiet::Long,
        Quiet::Longest,
    ];

    /// How long it is, counted from the last byte.
    pub(in crate::slx) const fn lasts(self) -> Duration {
        match self {
            Quiet::Briefly => Duration::from_millis(20),
            Quiet::Shortly => Duration::from_millis(200),
            Quiet::Clearly => Duration::from_secs(1),
            Quiet::Long => Duration::from_millis(2500),
            Quiet::Longest => Duration::from_secs(6),
        }
    }

    /// The silence that comes after this one, or the first.
    pub(in crate::slx) fn after(before: Option<Quiet>) -> Option<Quiet> {
        Self::ALL.into_iter().find(|quiet| Some(*quiet) > before)
    }
}
