//! What a simulation does to the way to Postgres.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;

use crate::error::LedgerError;

/// Asked before and after each statement of a ledger. An error before it keeps the statement from
/// Postgres; an error after it loses the answer to one that has taken effect. Either may take its
/// time. The program has none; simulations have, to see what becomes of upgrades in bad weather.
pub trait Weather: fmt::Debug + Send + Sync {
    /// The statement is about to be sent.
    fn before(&self, statement: StatementName) -> Sky<'_>;

    /// The statement has ended.
    fn after(&self, statement: StatementName) -> Sky<'_>;
}

/// Whether the way is clear, once it is known.
pub type Sky<'a> = Pin<Box<dyn Future<Output = Result<(), LedgerError>> + Send + 'a>>;

/// Which statement it is: the name of the source file that holds it, for example `claim`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementName(pub &'static str);

impl StatementName {
    /// The caller's.
    #[track_caller]
    pub(crate) fn here() -> Self {
        let file = Path::new(Location::caller().file());
        Self(
            file.file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or(""),
        )
    }
}
