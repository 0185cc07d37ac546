//! What can go wrong between us and Postgres.

use std::sync::Arc;

use uuid::Uuid;

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

fn sql_state(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .map(|code| code.into_owned())
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

/// What an error of one statement says about the connection that it was run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Nothing: another statement may use the connection.
    Statement,
    /// It is not to be used again.
    Connection,
    /// Nor is any other that was made before: they may be connected to a server that has restarted
    /// or is a standby now, or hold plans for tables that have changed.
    Server,
}

impl Blame {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            // Nothing came of connecting, so there is no connection to blame.
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Blame::Statement,
            sqlx::Error::RowNotFound
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_) => Blame::Statement,
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => Blame::Server,
            sqlx::Error::Database(_) => match sql_state(error).as_deref() {
                // Values, constraints, conflicts and locks are the statement's own affair.
                Some(state)
                    if ["22", "23", "40", "55"]
                        .iter()
                        .any(|it| state.starts_with(it)) =>
                {
                    Blame::Statement
                }
                // The statement's time was over.
                Some("57014") => Blame::Statement,
                Some(state) if state == READ_ONLY || state.starts_with("57") => Blame::Server,
                Some(_) if is_stale_plan(error) => Blame::Server,
                _ => Blame::Connection,
            },
            _ => Blame::Connection,
        }
    }
}

/// Postgres' code for a write on a server, or in a transaction, that is read-only.
const READ_ONLY: &str = "25006";

/// Whether a prepared statement's plan no longer fits since a migration changed a column's type.
/// Postgres has no code of its own for it ("feature not supported"), but names the routine, which
/// is the same in every language of its messages.
fn is_stale_plan(error: &sqlx::Error) -> bool {
    sql_state(error).as_deref() == Some("0A000")
        && error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
            .is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"))
}

/// Whether what Postgres reports passes by itself (PostgreSQL, appendix A): lost connections
/// (08), conflicts (40), lack of resources (53), shutdowns, start-ups and cancelled statements
/// (57), trouble of the server's system (58), locks not granted (55P03), a server that is still a
/// standby after a failover (25006), a session ended for its idle transaction (25P03), and plans
/// made before a migration.
fn passes(error: &sqlx::Error) -> bool {
    let Some(state) = sql_state(error) else {
        return false;
    };
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| state.starts_with(class))
        || matches!(&*state, "55P03" | READ_ONLY | "25P03")
        || is_stale_plan(error)
}
