//! The worker's configuration: one TOML file, and two URLs from the environment.
//!
//! Every key has a default. The comments here are the reference that users read.

mod duration;
mod reference;
mod sections;
mod timing;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use schemas::State;
use schemas::strict::Strict;
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
        source: Box<toml::de::Error>,
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
        config.check()?;
        Ok(config)
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
        toml::Deserializer::parse(&text)
            .and_then(|toml| Config::deserialize(Strict::new(toml)))
            .map_err(|source| ConfigError::Invalid {
                path: path.to_owned(),
                source: Box::new(source),
            })
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, value: String, problem| {
            Err(ConfigError::Value {
                key,
                value,
                problem,
            })
        };
        if self.worker.concurrency == 0 {
            return refuse("worker.concurrency", "0".to_owned(), "must be at least 1");
        }
        if self
            .worker
            .states
            .iter()
            .any(|state| !State::ACTING.contains(state))
        {
            let states = self.worker.states.iter().map(|state| state.slug());
            return refuse(
                "worker.states",
                states.collect::<Vec<_>>().join(", "),
                "nobody acts in workflow-started and workflow-finished",
            );
        }
        for (key, value) in [
            ("worker.claim", self.worker.claim),
            ("due.interval", self.due.interval),
            ("due.again_after", self.due.again_after),
            ("timing.poll", self.timing.poll),
            ("timing.retry_first", self.timing.retry_first),
            ("slx.connect_timeout", self.slx.connect_timeout),
            ("slx.command_timeout", self.slx.command_timeout),
            ("efa.connect_timeout", self.efa.connect_timeout),
            ("efa.request_timeout", self.efa.request_timeout),
        ] {
            if value.is_zero() {
                return refuse(key, duration::text(value), "must be longer than nothing");
            }
        }
        if self.timing.settle <= self.slx.command_timeout.max(self.efa.request_timeout) {
            return refuse(
                "timing.settle",
                duration::text(self.timing.settle),
                "must be longer than slx.command_timeout and efa.request_timeout",
            );
        }
        for (key, deadline) in [
            (
                "timing.installation_deadline",
                self.timing.installation_deadline,
            ),
            ("timing.upgrade_deadline", self.timing.upgrade_deadline),
            ("timing.revert_deadline", self.timing.revert_deadline),
            ("timing.redeploy_deadline", self.timing.redeploy_deadline),
        ] {
            if deadline <= self.timing.settle {
                return refuse(
                    key,
                    duration::text(deadline),
                    "must be longer than timing.settle: no command is sent that late before it",
                );
            }
        }
        let quiet = self.timing.redeploy_quiet;
        if quiet <= self.timing.settle || quiet >= self.timing.redeploy_deadline {
            return refuse(
                "timing.redeploy_quiet",
                duration::text(quiet),
                "must be longer than timing.settle and shorter than timing.redeploy_deadline",
            );
        }
        if self.timing.max_sends == 0 {
            return refuse("timing.max_sends", "0".to_owned(), "must be at least 1");
        }
        if self.due.batch == 0 || self.broker.prefetch == 0 || self.ledger.max_connections == 0 {
            return refuse(
                "due.batch, broker.prefetch, ledger.max_connections",
                "0".to_owned(),
                "must be at least 1",
            );
        }
        Ok(())
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
