//! The connections, and the bound on how long anything may take on them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection};

use crate::connections::Connections;
use crate::error::LedgerError;
use crate::ledger::LedgerOptions;
use crate::url::Address;
use crate::weather::{StatementName, Weather};

/// How much longer than the server we wait for a statement to end: only a connection that is dead
/// without having been closed takes that long.
const GRACE: Duration = Duration::from_secs(5);

/// The connections, with a bound on time.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    pub(crate) pool: Connections,
    patience: Duration,
    weather: Option<Arc<dyn Weather>>,
}

impl Db {
    pub(crate) async fn connect(url: &str, options: &LedgerOptions) -> Result<Self, LedgerError> {
        // A timeout of 0 would mean none.
        let statement_timeout = options.statement_timeout.max(Duration::from_millis(1));
        let mut address = Address::parse(url)?;
        let connect = address
            .options
            .application_name("tpvm-upgrade")
            .options([(
                "statement_timeout",
                statement_timeout.as_millis().to_string(),
            )])
            .disable_statement_logging();
        address.options = connect.clone();
        prove(&address, options).await?;
        let pool = Connections::new(connect, options.max_connections, options.connect_timeout);
        Ok(Self {
            pool,
            patience: options.connect_timeout + statement_timeout + GRACE,
            weather: options.weather.clone(),
        })
    }

    /// Runs one statement, or the few of a short transaction.
    #[track_caller]
    pub(crate) fn bounded<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, LedgerError>>
    where
        LedgerError: From<E>,
    {
        self.weathered(StatementName::here(), bounded_by(self.patience, work))
    }

    /// Runs a transaction of many statements.
    #[track_caller]
    pub(crate) fn bounded_long<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, LedgerError>>
    where
        LedgerError: From<E>,
    {
        self.weathered(StatementName::here(), bounded_by(10 * self.patience, work))
    }

    async fn weathered<T>(
        &self,
        statement: StatementName,
        work: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        let Some(weather) = &self.weather else {
            return work.await;
        };
        weather.before(statement).await?;
        let result = work.await;
        weather.after(statement).await?;
        result
    }
}

/// Connects once, to say at the start what is wrong for good. Later the connections take whatever
/// goes wrong for something that passes.
async fn prove(address: &Address, options: &LedgerOptions) -> Result<(), LedgerError> {
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    let deadline = Instant::now() + options.wait_for_server;
    let mut pause = Duration::from_millis(50);
    loop {
        let connect = PgConnection::connect_with(&address.options);
        let error = match tokio::time::timeout(options.connect_timeout, connect).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => address.failed(error).await,
            Err(_) => address.silent(options.connect_timeout),
        };
        if !error.is_transient() || Instant::now() + pause > deadline {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(2 * pause);
    }
}

/// Gives up on `work` after `limit`, which is transient: the network is at fault.
pub(crate) async fn bounded_by<T, E>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, LedgerError>
where
    LedgerError: From<E>,
{
    match tokio::time::timeout(limit, work).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            let error = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
            Err(LedgerError::Unavailable(Arc::new(sqlx::Error::Io(error))))
        }
    }
}
