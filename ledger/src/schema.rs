//! The schema: its migrations, and whether the database has them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgPoolOptions;

use crate::db::{Db, bounded_by};
use crate::error::LedgerError;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// How long a migration may take, waiting for another caller's included.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Postgres' code for a table that does not exist.
const UNDEFINED_TABLE: &str = "42P01";

impl From<MigrateError> for LedgerError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => LedgerError::from(error),
            error => LedgerError::Migration(Arc::new(error)),
        }
    }
}

pub(crate) async fn migrate(db: &Db) -> Result<(), LedgerError> {
    let mut migrations = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    // A newer program has been here: nothing to do for us.
    migrations.set_ignore_missing(true);
    bounded_by(MIGRATION_TIMEOUT, async {
        // A connection of its own: the ledger's give up on a statement sooner.
        let options = db.pool.options().clone();
        let statement_timeout = MIGRATION_TIMEOUT.as_millis().to_string();
        let options = options.options([("statement_timeout", statement_timeout)]);
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(db.pool.timeout())
            .connect_with(options)
            .await?;
        migrations.run(&own).await?;
        Ok::<_, LedgerError>(())
    })
    .await
}

/// Each migration in the database: whether it ended, and its checksum.
async fn applied(db: &Db) -> Result<HashMap<i64, (bool, Vec<u8>)>, LedgerError> {
    // Not checked while building: the table is sqlx's own, and not in any migration.
    let query = sqlx::query_as::<_, (i64, bool, Vec<u8>)>(
        "SELECT version, success, checksum FROM _sqlx_migrations",
    );
    let rows = match db.bounded(query.fetch_all(&db.pool)).await {
        Err(error) if is_undefined_table(&error) => Vec::new(),
        rows => rows?,
    };
    Ok(rows
        .into_iter()
        .map(|(version, success, checksum)| (version, (success, checksum)))
        .collect())
}

/// The migrations in the database that this program does not know, the newest last.
pub(crate) async fn newer(db: &Db) -> Result<Vec<i64>, LedgerError> {
    let known = |version: &i64| MIGRATIONS.iter().any(|known| known.version == *version);
    let mut newer: Vec<i64> = applied(db).await?.into_keys().collect();
    newer.retain(|version| !known(version));
    newer.sort_unstable();
    Ok(newer)
}

pub(crate) async fn check(db: &Db) -> Result<(), LedgerError> {
    let applied = applied(db).await?;
    for migration in MIGRATIONS.iter() {
        let problem = match applied.get(&migration.version) {
            Some((true, checksum)) if *checksum == *migration.checksum => continue,
            Some((true, _)) => "differs from the one applied",
            Some((false, _)) => "was begun and not ended",
            None => "is missing",
        };
        return Err(LedgerError::SchemaOutdated {
            problem: format!("migration {} {problem}", migration.version),
        });
    }
    Ok(())
}

fn is_undefined_table(error: &LedgerError) -> bool {
    let LedgerError::Database(error) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(UNDEFINED_TABLE)
}

pub(crate) async fn ping(db: &Db) -> Result<(), LedgerError> {
    db.bounded(sqlx::query("SELECT 1").execute(&db.pool))
        .await?;
    Ok(())
}
