use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use uuid::Uuid;

use crate::ServicesError;
use crate::environment::{DATABASE_URL, given};

/// How long making or dropping a database may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An empty database for one test, dropped with this value.
pub struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

/// Makes a new, empty database on the server in `DATABASE_URL`.
///
/// # Errors
/// [`ServicesError::NotSet`] when the variable is unset;
/// [`ServicesError::Database`] when the server can't be reached or refuses.
pub async fn database() -> Result<Database, ServicesError> {
    let url = given(DATABASE_URL).ok_or(ServicesError::NotSet(DATABASE_URL))?;
    database_on(&url).await
}

/// Makes a new, empty database on the server of `url`.
///
/// # Errors
/// [`ServicesError::Database`] when the server can't be reached or refuses.
pub async fn database_on(url: &str) -> Result<Database, ServicesError> {
    let server: PgConnectOptions = url.parse().map_err(|source| ServicesError::Database {
        what: "read the URL".to_owned(),
        source,
    })?;
    let name = format!("test_{}", Uuid::new_v4().simple());
    execute(&server, format!("CREATE DATABASE {name}")).await?;
    let url = on_database(url, &name);
    Ok(Database { server, name, url })
}

/// The URL with another database. sqlx writes the name of a certificate's file in a way that
/// nobody reads.
fn on_database(url: &str, name: &str) -> String {
    let (rest, parameters) = url.split_once('?').unwrap_or((url, ""));
    let server = match rest.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{authority}")
        }
        None => rest.to_owned(),
    };
    match parameters {
        "" => format!("{server}/{name}"),
        parameters => format!("{server}/{name}?{parameters}"),
    }
}

impl Database {
    /// Where it is, as `DATABASE_URL` has it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database, ending whatever is still connected to it.
    ///
    /// # Errors
    /// [`ServicesError::Database`] when the server can't be reached or refuses.
    pub async fn close(mut self) -> Result<(), ServicesError> {
        let name = std::mem::take(&mut self.name);
        drop_database(&self.server, &name).await
    }
}

impl Drop for Database {
    /// For a test that fails half way. A thread, since a runtime can't be waited for from inside
    /// another; best effort, since a failure here would hide the test's own.
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        if name.is_empty() {
            return;
        }
        let server = self.server.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                let _ = runtime.block_on(drop_database(&server, &name));
            }
        });
        let _ = dropping.join();
    }
}

async fn drop_database(server: &PgConnectOptions, name: &str) -> Result<(), ServicesError> {
    execute(
        server,
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    )
    .await
}

async fn execute(server: &PgConnectOptions, sql: String) -> Result<(), ServicesError> {
    let work = async {
        let mut connection = PgConnection::connect_with(server).await?;
        // No value of anyone else's is in the text: databases can't be parameters.
        connection.execute(AssertSqlSafe(sql.clone())).await?;
        connection.close().await
    };
    let result = tokio::time::timeout(TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut));
    result.map_err(|source| ServicesError::Database { what: sql, source })
}
