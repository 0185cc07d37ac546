//! The worker's configuration: one TOML file, and two URLs from the environment.
//!
//! Every key has a default. The comments here are the reference that users read.

mod duration;
mod reference;

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use schemas::State;
use serde::{Deserialize, Serialize};

pub use reference::markdown as reference;

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

/// `[worker]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerConfig {
    /// The name in the ledger and the logs. Empty: the host's name and the process id.
    pub name: String,
    /// The states that this worker serves. Empty: all seven.
    pub states: Vec<State>,
    /// Whether it takes upgrade requests as well.
    pub serve_requests: bool,
    /// How many messages are worked on at once.
    pub concurrency: usize,
    /// For how long a step is claimed; renewed while it goes on. A worker that died gives its
    /// step back when this time is over.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub claim: Duration,
    /// How long steps may go on after SIGTERM before they are handed back.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub drain_timeout: Duration,
    /// A file that is touched while the worker is alive, for `tpvm-worker health`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_file: Option<PathBuf>,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            states: Vec::new(),
            serve_requests: true,
            concurrency: 64,
            claim: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            heartbeat_file: None,
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Text for people, or one JSON object for each line.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// `[broker]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// The first part of every exchange's and queue's name.
    pub prefix: String,
    /// How many unacknowledged messages the broker hands out for each queue.
    pub prefetch: u16,
    /// After how many deliveries the broker moves a message to the dead letters.
    pub delivery_limit: u32,
    /// The bound on a publish and its confirm.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub publish_timeout: Duration,
    /// The bound on connecting.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            prefix: "tpvm-upgrade".to_owned(),
            prefetch: 64,
            delivery_limit: 20,
            publish_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// `[ledger]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerConfig {
    /// The most connections to Postgres.
    pub max_connections: u32,
    /// The bound on getting one.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// The bound on one statement.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub statement_timeout: Duration,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            max_connections: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// `[due]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DueConfig {
    /// How often the ledger is asked for what is due.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub interval: Duration,
    /// How many messages are published in one round.
    pub batch: u32,
    /// After what time a message that nobody took up is published again; doubled for each copy.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub again_after: Duration,
}

impl Default for DueConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            batch: 256,
            again_after: Duration::from_secs(30),
        }
    }
}

/// `[secrets]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// A folder with one file for each secret, as Docker and Kubernetes mount them. A secret that
    /// is not there is looked for in the environment, as `TPVM_SECRET_<NAME>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

/// `[slx]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SlxConfig {
    /// The known host keys, in OpenSSH's format.
    pub known_hosts: PathBuf,
    /// What happens with a switch that is not among them.
    pub host_keys: HostKeyPolicy,
    /// The bound on connecting and logging in.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// The bound on one command.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub command_timeout: Duration,
    /// The most output of one command that is read, in bytes.
    pub max_output: usize,
    /// A dialect file that replaces the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<PathBuf>,
    /// The oldest SLX-OS that can upgrade its TPVM this way (EFA Deployment Guide 2.6.0,
    /// "TPVM Upgrade while EFA is Running").
    pub minimum_version: String,
}

impl Default for SlxConfig {
    fn default() -> Self {
        Self {
            known_hosts: PathBuf::from("/etc/tpvm-upgrade/known_hosts"),
            host_keys: HostKeyPolicy::KnownHosts,
            connect_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_secs(120),
            max_output: 1024 * 1024,
            dialect: None,
            minimum_version: "20.3.2a".to_owned(),
        }
    }
}

/// What happens with a switch whose host key is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyPolicy {
    /// It is refused.
    KnownHosts,
    /// Its key is accepted once and remembered; a changed key is refused.
    AcceptNew,
}

/// `[efa]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EfaConfig {
    /// A file with the CA certificates that EFA's certificate is checked against, in PEM format.
    /// None: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The bound on connecting.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// The bound on one request.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub request_timeout: Duration,
    /// How often a read is tried. Writes are never repeated.
    pub read_attempts: u32,
}

impl Default for EfaConfig {
    fn default() -> Self {
        Self {
            ca_file: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            read_attempts: 3,
        }
    }
}

/// `[timing]`: the vendor documents none of these; they are this project's choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// How often a device or EFA is asked how far its long work is.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub poll: Duration,
    /// The delay before the first retry of a step after a transient error.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub retry_first: Duration,
    /// The longest delay between retries.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub retry_max: Duration,
    /// How many retries in a row a step has.
    pub retry_attempts: u32,
    /// How old an intent must be before a device that shows no trace of the command counts as
    /// not having got it. Longer than `slx.command_timeout`: the difference is how late after
    /// its intent a command may still be sent.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub settle: Duration,
    /// How often a command that left no trace is sent in all.
    pub max_sends: u32,
    /// How long after a revert the EFA node may take to come back before that is reported.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub rejoin_grace: Duration,
    /// The bound on Device Validation and on TPVM Config Validation, each.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub validation_deadline: Duration,
    /// The bound on TPVM Configuration.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub configuration_deadline: Duration,
    /// The bound on TPVM Installation.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub installation_deadline: Duration,
    /// The bound on TPVM Upgrade.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub upgrade_deadline: Duration,
    /// The bound on TPVM Revert.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub revert_deadline: Duration,
    /// The bound on EFA Deploy Peer and Rejoin.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub redeploy_deadline: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            poll: Duration::from_secs(15),
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            retry_attempts: 20,
            settle: Duration::from_secs(150),
            max_sends: 2,
            rejoin_grace: Duration::from_secs(5 * MINUTE),
            validation_deadline: Duration::from_secs(10 * MINUTE),
            configuration_deadline: Duration::from_secs(10 * MINUTE),
            installation_deadline: Duration::from_secs(45 * MINUTE),
            upgrade_deadline: Duration::from_secs(60 * MINUTE),
            revert_deadline: Duration::from_secs(45 * MINUTE),
            redeploy_deadline: Duration::from_secs(60 * MINUTE),
        }
    }
}

impl Timing {
    /// The bound on one state.
    pub fn deadline(&self, state: State) -> Duration {
        match state {
            State::WorkflowStarted
            | State::WorkflowFinished
            | State::DeviceValidation
            | State::TpvmConfigValidation => self.validation_deadline,
            State::TpvmConfiguration => self.configuration_deadline,
            State::TpvmInstallation => self.installation_deadline,
            State::TpvmUpgrade => self.upgrade_deadline,
            State::TpvmRevert => self.revert_deadline,
            State::EfaDeployPeerAndRejoin => self.redeploy_deadline,
        }
    }
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
        let config = match path {
            None => Self::default(),
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                        path: path.to_owned(),
                        source,
                    })?;
                toml::from_str(&text).map_err(|source| ConfigError::Invalid {
                    path: path.to_owned(),
                    source: Box::new(source),
                })?
            }
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
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
