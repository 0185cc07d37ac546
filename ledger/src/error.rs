//! What can go wrong between us and Postgres.

use std::sync::Arc;

use uuid::Uuid;

use crate::sql_state::{passes, sql_state};

/// Why the ledger could not do what it was asked. Cheap to clone: the items of one batch share
/// the error that ended it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// Postgres can't be reached or understood, is overloaded or shutting down, or gave up in favour of another
    /// transaction. Whether a write took effect is not known; the same call may be made again.
    #[error("Postgres is not available at the moment; try again")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// No connection came about.
    #[error("Postgres at {address} {problem}")]
    Unreachable {
        /// Host and port, or the socket.
        address: String,
        /// What happened, and what to do.
        problem: String,
        /// Whether it may pass without anyone changing anything.
        passes: bool,
    },
    /// A row of one execution holds what this program can't read. Others are not concerned.
    #[error(
        "execution {execution_id} can't be read: {what}; look at its row in the table executions \
         or history, and compare the versions of program and schema"
    )]
    Undecodable {
        /// The execution.
        execution_id: Uuid,
        /// Which column, and what is wrong with it.
        what: String,
    },
    /// A row of the EFA DB tables holds what this program can't read.
    #[error("{row} can't be read: {what}; load it again from an inventory file")]
    UndecodableInventory {
        /// The table's subject and the row's key, for example `device 10.20.61.92`.
        row: String,
        /// Which column, and what is wrong with it.
        what: String,
    },
    /// The database lacks migrations that this program was built with.
    #[error(
        "the database schema is not the one of this program ({problem}); apply the migrations \
         with `tpvm-worker --migrate`"
    )]
    SchemaOutdated {
        /// Which migration is missing, unfinished or different.
        problem: String,
    },
    /// The call's own values are not acceptable; the text says which, and what to do.
    #[error("{0}")]
    Invalid(String),
    /// A migration failed.
    #[error("a migration failed; mend what the database reports, then migrate again")]
    Migration(#[source] Arc<sqlx::migrate::MigrateError>),
    /// Postgres refused, and would refuse again.
    #[error("Postgres refused a statement")]
    Database(#[source] Arc<sqlx::Error>),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether the same call may succeed later, with nothing changed by anybody.
    pub fn is_transient(&self) -> bool {
        match self {
            LedgerError::Unavailable(_) => true,
            LedgerError::Unreachable { passes, .. } => *passes,
            LedgerError::Undecodable { .. }
            | LedgerError::UndecodableInventory { .. }
            | LedgerError::SchemaOutdated { .. }
            | LedgerError::Invalid(_)
            | LedgerError::Migration(_)
            | LedgerError::Database(_)
            | LedgerError::Closed => false,
        }
    }

    /// Whether the ledger will refuse the same call until somebody changes something: neither may
    /// it pass, nor is it this process that can't ask any more.
    pub fn is_for_good(&self) -> bool {
        !self.is_transient() && !matches!(self, LedgerError::Closed)
    }

    /// Whether Postgres undid the statement in favour of another one that was in its way: then
    /// it certainly had no effect, and can be repeated at once.
    pub(crate) fn lost_a_conflict(&self) -> bool {
        match self {
            LedgerError::Unavailable(error) => {
                matches!(sql_state(error).as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolClosed => LedgerError::Closed,
            // A connection that is cut while it is being made shows as a broken protocol or TLS.
            // Should it be wrong for good, waiting for it to be put right loses nothing.
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed => LedgerError::Unavailable(Arc::new(error)),
            sqlx::Error::Database(_) if passes(&error) => LedgerError::Unavailable(Arc::new(error)),
            _ => LedgerError::Database(Arc::new(error)),
        }
    }
}
