//! Where Postgres and RabbitMQ are. Their URLs may hold passwords, which every user of the machine
//! could read in a list of processes: they come from the environment or a file, never from flags.

use std::env::{self, VarError};
use std::path::PathBuf;
use std::time::Duration;

use broker::BrokerOptions;
use clap::Args;
use ledger::{Ledger, LedgerOptions};
use schemas::Names;
use serde::Deserialize;

use crate::error::CliError;
use crate::file;

/// A person waits: a server that does not answer within this is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The flags that tell where the settings are.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// TOML or JSON file with database_url, amqp_url and broker_prefix; the environment wins
    #[arg(long, global = true, value_name = "FILE", env = "TPVM_UPGRADE_CONFIG")]
    config: Option<PathBuf>,
    /// What the names of exchanges and queues begin with [default: tpvm-upgrade]
    #[arg(long, global = true, value_name = "PREFIX", env = "TPVM_BROKER_PREFIX")]
    broker_prefix: Option<String>,
}

/// Where Postgres and RabbitMQ are. Has no `Debug`: it holds passwords.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    database_url: Option<String>,
    amqp_url: Option<String>,
    broker_prefix: Option<String>,
}

impl Settings {
    pub(crate) fn load(args: SettingsArgs) -> Result<Self, CliError> {
        let file = match &args.config {
            Some(path) => file::read(path)?,
            None => Settings::default(),
        };
        Ok(Self {
            database_url: variable("DATABASE_URL")?.or(file.database_url),
            amqp_url: variable("AMQP_URL")?.or(file.amqp_url),
            broker_prefix: args.broker_prefix.or(file.broker_prefix),
        })
    }

    /// Connects to Postgres; whether its tables are as this program needs them is not checked.
    pub(crate) async fn connect(&self) -> Result<Ledger, CliError> {
        let url = self.database_url.as_ref().ok_or(CliError::UrlMissing {
            name: "DATABASE_URL",
            key: "database_url",
        })?;
        let options = LedgerOptions {
            max_connections: 2,
            connect_timeout: CONNECT_TIMEOUT,
            // A person can repeat the command.
            wait_for_server: Duration::ZERO,
            statement_timeout: STATEMENT_TIMEOUT,
            ..LedgerOptions::default()
        };
        Ledger::connect(url, &options)
            .await
            .map_err(|source| CliError::Ledger {
                action: "connect",
                source,
            })
    }

    /// Connects to a Postgres whose tables are as this program needs them.
    pub(crate) async fn ledger(&self) -> Result<Ledger, CliError> {
        let ledger = self.connect().await?;
        ledger
            .check_schema()
            .await
            .map_err(|source| CliError::Ledger {
                action: "use the tables",
                source,
            })?;
        Ok(ledger)
    }

    /// What the names of exchanges and queues begin with.
    pub(crate) fn prefix(&self) -> String {
        match &self.broker_prefix {
            Some(prefix) => prefix.clone(),
            None => Names::default().commands_exchange(),
        }
    }

    /// How to reach RabbitMQ.
    pub(crate) fn broker(&self) -> Result<BrokerOptions, CliError> {
        let url = self.amqp_url.as_ref().ok_or(CliError::UrlMissing {
            name: "AMQP_URL",
            key: "amqp_url",
        })?;
        let mut options = BrokerOptions::new(url.clone(), "tpvm-upgrade");
        options.connect_timeout = CONNECT_TIMEOUT;
        if let Some(prefix) = &self.broker_prefix {
            broker::check_prefix(prefix).map_err(|source| CliError::Broker {
                action: "use the prefix",
                source,
            })?;
            options.names = Names::new(prefix);
        }
        Ok(options)
    }
}

/// A variable that is set to something.
fn variable(name: &'static str) -> Result<Option<String>, CliError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(CliError::UrlNoText(name)),
    }
}
