//! The worker's configuration: one TOML file, and two URLs from the environment.
//!
//! Every key has a default. The comments here are the reference that users read.

mod check;
mod duration;
mod reference;
mod sections;
mod timing;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use schemas::State;
use schemas::files::{FileProblem, from_toml};
use serde::{Deserialize, Serialize};

pub use reference::markdown as reference;
pub use sections::{
    BrokerConfig, DueConfig, EfaConfig, HostKeyPolicy, LedgerConfig, LogConfig, LogFormat,
    SecretsConfig, SlxConfig, WorkerConfig,
};
pub use timing::Timing;

/// Everything that can be set in the file. Unknown keys are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The process itself.
    pub worker: WorkerConfig,
    /// What it logs.
    pub log: LogConfig,
    /// RabbitMQ; its URL comes from `AMQP_URL`.
    pub broker: BrokerConfig,
    /// Postgres; its URL comes from `DATABASE_URL`.
    pub ledger: LedgerConfig,
    /// The loop that publishes what is due.
    pub due: DueConfig,
    /// Where secrets are found.
    pub secrets: SecretsConfig,
    /// SLX switches over SSH.
    pub slx: SlxConfig,
    /// EFA nodes over HTTPS.
    pub efa: EfaConfig,
    /// Deadlines, poll intervals, bounds of attempts.
    pub timing: Timing,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration file {path}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the configuration file {path} is not valid", path = .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: FileProblem,
    },
    /// A value that can't work.
    #[error("{key} = {value}: {problem}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What was set.
        value: String,
        /// What it must be.
        problem: &'static str,
    },
}

impl Config {
    /// Reads and checks a file; without one, everything has its default.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file, and the key or the line.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let config = Self::read(path)?;
        match config.problems().into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(config),
        }
    }

    /// Reads a file whose values may not work together.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        from_toml(&text).map_err(|source| ConfigError::Invalid {
            path: path.to_owned(),
            source,
        })
    }

    /// Every value that can't work, alone or with others.
    pub(crate) fn problems(&self) -> Vec<ConfigError> {
        check::problems(self)
    }

    /// The states that this worker serves.
    pub fn states(&self) -> &[State] {
        if self.worker.states.is_empty() {
            &State::ACTING
        } else {
            &self.worker.states
        }
    }
}
