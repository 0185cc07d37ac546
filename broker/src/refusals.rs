//! When a refusal by the broker is for good.

use crate::error::BrokerError;

/// A broker that has just been started, or restored, may refuse a user whom it will know in a
/// moment. So many refusals in a row, with the delays between, are none of that kind.
const FOR_GOOD: u32 = 3;

/// Refusals in a row.
#[derive(Debug, Default)]
pub(crate) struct Refusals(u32);

impl Refusals {
    /// Counts a failure.
    ///
    /// # Errors
    /// The failure itself, if it is a refusal for good.
    pub(crate) fn another(&mut self, error: BrokerError) -> Result<(), BrokerError> {
        if !error.is_refusal() {
            *self = Self::default();
            return Ok(());
        }
        self.0 += 1;
        match self.0 < FOR_GOOD {
            true => Ok(()),
            false => Err(error),
        }
    }
}
