//! What the errors that Postgres reports mean (PostgreSQL, appendix A): the one place that says
//! which pass by themselves, and whether the connection may be used again.

use sqlx::postgres::PgDatabaseError;

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
            sqlx::Error::Database(_) => meaning_of(error).1,
            _ => Blame::Connection,
        }
    }
}

/// Whether what Postgres reports passes without anybody changing anything.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    meaning_of(error).0
}

/// The code, if it is Postgres that reports the error.
pub(crate) fn sql_state(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .map(|code| code.into_owned())
}

fn meaning_of(error: &sqlx::Error) -> (bool, Blame) {
    let refusal = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    match refusal {
        Some(refusal) => meaning(refusal.code(), refusal.routine()),
        None => (false, Blame::Connection),
    }
}

/// Whether it passes, and who is to blame. `routine` is the one of Postgres' own that reported it.
fn meaning(state: &str, routine: Option<&str>) -> (bool, Blame) {
    match (state.get(..2).unwrap_or_default(), state) {
        // A plan that no longer fits, since a migration changed a column's type. There is no code of
        // its own ("feature not supported"), but the routine's name, in every language.
        (_, "0A000") if routine == Some("RevalidateCachedQuery") => (true, Blame::Server),
        // Connections that failed, also those of a proxy.
        ("08", _) => (true, Blame::Connection),
        // Read-only: a standby, or a server that was one when we connected.
        (_, "25006") => (true, Blame::Server),
        // Another client's transaction failed, or took too long: what a proxy that shares its
        // connections hands on.
        (_, "25P02" | "25P03" | "25P04") => (true, Blame::Connection),
        // Prepared statements and portals that are not those we made on this connection: again a
        // proxy, or a session that was reset.
        (_, "26000" | "34000" | "42P05" | "42P03") => (true, Blame::Connection),
        // Conflicts: undone in favour of another transaction.
        ("40", _) => (true, Blame::Statement),
        // Out of connections, memory or disk space.
        ("53", _) => (true, Blame::Connection),
        // Locks, and what others use at the moment.
        (_, "55006" | "55P03") => (true, Blame::Statement),
        // The statement's time was over, or an administrator cancelled it.
        (_, "57014") => (true, Blame::Statement),
        // Shutdowns, crashes of other sessions, start-ups, idle sessions that were ended.
        ("57", _) => (true, Blame::Server),
        // The server's own input and output.
        ("58", _) => (true, Blame::Connection),
        // Values, constraints and states of objects are the statement's own affair.
        ("22" | "23" | "55", _) => (false, Blame::Statement),
        // All others: permissions (42501), missing tables, defects of our SQL, damaged data. Internal
        // errors (XX000) and damage (XX001, XX002) may concern one row only: were they tried
        // again, those that share its batch would wait for ever.
        _ => (false, Blame::Connection),
    }
}

/// Whether a server that can be reached does not let us in: the login, the database, or the
/// permission to connect to it.
pub(crate) fn refuses_us(error: &sqlx::Error) -> bool {
    let state = sql_state(error);
    state.is_some_and(|state| state.starts_with("28") || matches!(&*state, "3D000" | "42501"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_postgres_reports_an_error_then_the_table_says_what_it_means() {
        use Blame::{Connection, Server, Statement};
        for (state, passes, blame) in [
            ("08000", true, Connection),
            ("08003", true, Connection),
            ("08006", true, Connection),
            ("08P01", true, Connection),
            ("0A000", false, Connection),
            ("22001", false, Statement),
            ("22P02", false, Statement),
            ("23505", false, Statement),
            ("23514", false, Statement),
            ("25001", false, Connection),
            ("25006", true, Server),
            ("25P02", true, Connection),
            ("25P03", true, Connection),
            ("25P04", true, Connection),
            ("26000", true, Connection),
            ("28000", false, Connection),
            ("28P01", false, Connection),
            ("34000", true, Connection),
            ("3D000", false, Connection),
            ("40001", true, Statement),
            ("40003", true, Statement),
            ("40P01", true, Statement),
            ("42501", false, Connection),
            ("42601", false, Connection),
            ("42703", false, Connection),
            ("42P01", false, Connection),
            ("42P05", true, Connection),
            ("53000", true, Connection),
            ("53100", true, Connection),
            ("53200", true, Connection),
            ("53300", true, Connection),
            ("53400", true, Connection),
            ("54001", false, Connection),
            ("55000", false, Statement),
            ("55006", true, Statement),
            ("55P02", false, Statement),
            ("55P03", true, Statement),
            ("57000", true, Server),
            ("57014", true, Statement),
            ("57P01", true, Server),
            ("57P02", true, Server),
            ("57P03", true, Server),
            ("57P04", true, Server),
            ("57P05", true, Server),
            ("58000", true, Connection),
            ("58030", true, Connection),
            ("58P01", true, Connection),
            ("F0000", false, Connection),
            ("P0001", false, Connection),
            ("XX000", false, Connection),
            ("XX001", false, Connection),
            ("XX002", false, Connection),
            ("", false, Connection),
            ("é", false, Connection),
        ] {
            assert_eq!(meaning(state, None), (passes, blame), "{state}");
        }
        let routine = Some("RevalidateCachedQuery");
        assert_eq!(meaning("0A000", routine), (true, Server));
        assert_eq!(meaning("42601", routine), (false, Connection));
    }
}
