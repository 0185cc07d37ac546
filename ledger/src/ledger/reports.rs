//! What operators ask for.

use uuid::Uuid;

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::report::{Execution, Filter, HistoryRow, StateCount};
use crate::sql::{counts, executions, history};

impl Ledger {
    /// How one execution stands.
    ///
    /// # Errors
    /// [`LedgerError::Undecodable`].
    pub async fn execution(&self, id: Uuid) -> Result<Option<Execution>, LedgerError> {
        executions::one(&self.db, id).await
    }

    /// How executions stand, the newest first. One that can't be read is
    /// [`LedgerError::Undecodable`] in its place, and hides no other.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn executions(
        &self,
        filter: &Filter,
    ) -> Result<Vec<Result<Execution, LedgerError>>, LedgerError> {
        executions::list(&self.db, filter).await
    }

    /// The moves of one execution in their order; none for an unknown one.
    ///
    /// # Errors
    /// [`LedgerError::Undecodable`].
    pub async fn history(&self, id: Uuid) -> Result<Vec<HistoryRow>, LedgerError> {
        history::of(&self.db, id).await
    }

    /// The unfinished executions by state, in the order of the workflow; states without any are
    /// absent.
    ///
    /// # Errors
    /// See [`Ledger`].
    pub async fn counts(&self) -> Result<Vec<StateCount>, LedgerError> {
        counts::by_state(&self.db).await
    }
}
