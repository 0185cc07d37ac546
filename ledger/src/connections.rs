//! The connections to Postgres: made when needed, used by one at a time, closed on any doubt.
//!
//! Not sqlx's own pool: it closes a connection by a TLS shutdown that waits for the server, and
//! asks each returned connection for a sign of life. With a server that is silently gone, neither
//! ends, and the connection's place in the pool is never free again. Here a connection in doubt is
//! dropped, which closes its socket at once, and returning one needs no round trip.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, Pool, PoolError, RecycleResult};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::postgres::{PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    ConnectOptions, Describe, Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr,
};

use crate::sql_state::{Blame, refuses_us};

/// The connections; all clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    pool: Pool<Connector>,
    timeout: Duration,
}

#[derive(Debug)]
struct Connector {
    options: PgConnectOptions,
    /// Whether the server did not let us in when it was asked last.
    refused: AtomicBool,
}

impl managed::Manager for Connector {
    type Type = PgConnection;
    type Error = Error;

    async fn create(&self) -> Result<PgConnection, Error> {
        // Boxed, since it is large, seldom needed, and would be part of every statement's future.
        let connected = Box::pin(self.options.connect()).await;
        let refused = connected.as_ref().err().is_some_and(refuses_us);
        self.refused.store(refused, Ordering::Relaxed);
        connected
    }

    /// A connection that was returned is in order; one that broke since shows it when used.
    async fn recycle(&self, _: &mut PgConnection, _: &Metrics) -> RecycleResult<Error> {
        Ok(())
    }
}

impl Connections {
    /// At most `max` connections. `timeout` bounds the wait for one, a new one or a free one.
    pub(crate) fn new(options: PgConnectOptions, max: u32, timeout: Duration) -> Self {
        let max = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
        let connector = Connector {
            options,
            refused: AtomicBool::new(false),
        };
        let pool = Pool::builder(connector).max_size(max).build();
        Self {
            // Building fails for time-outs without a runtime only; there is no time-out here.
            pool: pool.unwrap_or_else(|error| unreachable!("{error}")),
            timeout,
        }
    }

    /// How connections are made.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.pool.manager().options
    }

    /// Whether Postgres answers, and does not let us in.
    pub(crate) fn are_refused(&self) -> bool {
        self.pool.manager().refused.load(Ordering::Relaxed)
    }

    /// The bound on the wait for a connection.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection for a transaction or several statements. Unless it is given back, it is
    /// closed when it is dropped: a transaction may be open on it.
    ///
    /// # Errors
    /// [`Error::PoolTimedOut`], [`Error::PoolClosed`], [`Error::Io`] if connecting failed.
    pub(crate) async fn take(&self) -> Result<Taken, Error> {
        let taken = tokio::time::timeout(self.timeout, self.pool.get()).await;
        match taken.map_err(|_| Error::PoolTimedOut)? {
            Ok(object) => Ok(Taken {
                object: Some(object),
            }),
            // Whatever it was: the statement was not sent, and a worker that has been connected
            // before waits for its server rather than give up its messages.
            Err(PoolError::Backend(error)) => {
                let options = self.options();
                let (host, port) = (options.get_host(), options.get_port());
                let what = format!("can't connect to Postgres at {host}:{port}: {error}");
                Err(Error::Io(io::Error::new(io::ErrorKind::NotConnected, what)))
            }
            Err(PoolError::Closed) => Err(Error::PoolClosed),
            Err(other) => Err(Error::Io(io::Error::other(other.to_string()))),
        }
    }

    /// Closes what is idle now, and what is in use when it is returned.
    pub(crate) fn close(&self) {
        self.pool.close();
    }

    /// Runs one statement on a connection of its own.
    async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut taken = self.take().await?;
        let result = statement(&mut taken).await;
        match result.as_ref().err().map_or(Blame::Statement, Blame::of) {
            Blame::Statement => taken.give_back(),
            Blame::Connection => drop(taken),
            // What the others were connected to is the same server.
            Blame::Server => {
                drop(taken);
                self.pool.retain(|_, _| false);
            }
        }
        result
    }
}

/// A connection in use.
pub(crate) struct Taken {
    object: Option<Object<Connector>>,
}

impl Taken {
    /// No transaction is open on it, and nothing is wrong with it.
    pub(crate) fn give_back(mut self) {
        self.object = None;
    }
}

impl Deref for Taken {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match &self.object {
            Some(object) => object,
            None => unreachable!("only `give_back` empties it, which consumes it"),
        }
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.object {
            Some(object) => object,
            None => unreachable!("only `give_back` empties it, which consumes it"),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            // Taken out of the pool, whose place is free at once; dropping it closes the socket.
            drop(Object::take(object));
        }
    }
}

/// So that `query.fetch_all(&connections)` runs a statement as it does on sqlx's own pool. A
/// statement whose future is dropped takes its connection along.
impl<'p> Executor<'p> for &'p Connections {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let all = async move {
            let run = self.run(async |connection| {
                let mut results = Vec::new();
                let mut stream = connection.fetch_many(query);
                while let Some(result) = stream.next().await {
                    results.push(Ok(result?));
                }
                Ok(results)
            });
            let results = run.await.unwrap_or_else(|error| vec![Err(error)]);
            stream::iter(results)
        };
        stream::once(all).flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            self.run(async |connection| connection.fetch_optional(query).await)
                .await
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            self.run(async |connection| connection.prepare_with(sql, parameters).await)
                .await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            self.run(async |connection| connection.describe(sql).await)
                .await
        })
    }
}
