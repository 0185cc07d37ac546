//! `migrate`: the tables in Postgres.

use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

#[derive(Serialize)]
struct Migrated {
    schema: &'static str,
}

pub(crate) async fn run(settings: &Settings, output: &mut Output) -> Result<Exit, CliError> {
    let ledger = settings.connect().await?;
    ledger.migrate().await.map_err(|source| CliError::Ledger {
        action: "migrate",
        source,
    })?;
    ledger.close().await;
    let migrated = Migrated { schema: "current" };
    output.say(&migrated, |_| "Migrate [success]".to_owned())?;
    Ok(Exit::Done)
}
