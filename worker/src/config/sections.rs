//! The sections of the file, but for `[timing]`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use schemas::State;
use serde::{Deserialize, Serialize};

use super::duration;
use crate::slx::WeakAlgorithm;

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
    /// How many steps are worked on at once. Requests come on top, up to `broker.prefetch`.
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
    /// A file for `tpvm-worker health`: touched while the worker is alive, also while it waits for
    /// Postgres or RabbitMQ; not while Postgres refuses it; removed when it ends.
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
    /// After how many deliveries the broker moves a step's message to the dead letters; the
    /// ledger brings the step back. A request may come back a thousand times at least.
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
    /// SSH algorithms that are offered to switches behind the others although they are weak. None:
    /// neither SHA-1 host keys nor CBC ciphers are offered; what the vendor's hardening guide
    /// leaves is.
    pub weak_algorithms: Vec<WeakAlgorithm>,
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
            weak_algorithms: Vec::new(),
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
