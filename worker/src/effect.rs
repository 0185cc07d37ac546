//! What a failed call may have done on the other side.

/// Whether a call that failed may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Surely nothing was applied: it never arrived, or it was refused.
    None,
    /// It may have been applied. Observe before sending it again.
    Perhaps,
}
