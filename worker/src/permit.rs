//! Leave to send one command that must not be sent twice.

use tokio::time::Instant;

/// Leave to send one command, which ends: whoever comes after a crash relies on it that nothing
/// is sent later. It is asked immediately before the command leaves, since the process may have
/// stood still since it was given.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    not_after: Instant,
}

impl Permit {
    /// Leave until this moment, by the monotonic clock.
    pub fn until(not_after: Instant) -> Self {
        Self { not_after }
    }

    /// Whether the command may be sent now.
    pub fn holds(&self) -> bool {
        Instant::now() <= self.not_after
    }
}
