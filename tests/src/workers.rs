//! The workers of a world: their configuration, their processes, their logs.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use services::Database;
use tokio::process::Command;

use crate::process::{Process, binary};
use crate::{Trap, World, until};

/// Everything quick, and the relations between the values as in the default configuration.
const WORKER: &str = r#"
[worker]
claim = "2s"
drain_timeout = "5s"
[due]
interval = "100ms"
again_after = "1s"
[slx]
connect_timeout = "3s"
command_timeout = "2s"
[efa]
connect_timeout = "2s"
request_timeout = "2s"
[timing]
poll = "100ms"
retry_first = "50ms"
retry_max = "500ms"
retry_attempts = 10
settle = "2500ms"
redeploy_quiet = "4s"
rejoin_grace = "5s"
validation_deadline = "30s"
configuration_deadline = "30s"
installation_deadline = "30s"
upgrade_deadline = "30s"
revert_deadline = "30s"
redeploy_deadline = "30s"
"#;

impl World {
    /// Starts a worker process that serves every state.
    pub fn worker(&self) -> Process {
        self.worker_with("")
    }

    /// Starts a worker process; `extra` is appended to its configuration.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn worker_with(&self, extra: &str) -> Process {
        self.start(extra, Command::new(binary("tpvm-worker")), None)
    }

    /// Starts a worker process that serves every state and falls into a trap.
    pub fn worker_at(&self, trap: Trap) -> Process {
        self.worker_at_with(trap, "")
    }

    /// Starts a worker process that falls into a trap; `extra` is appended to its configuration.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn worker_at_with(&self, trap: Trap, extra: &str) -> Process {
        let mut command = Command::new(binary("tpvm-worker-at"));
        command.env(Trap::VARIABLE, trap.to_string());
        self.start(extra, command, None)
    }

    /// Starts a worker process that was told another ledger than this world's.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn stray_worker(&self, other: &Database) -> Process {
        self.start("", Command::new(binary("tpvm-worker")), Some(other))
    }

    fn start(&self, extra: &str, mut command: Command, other: Option<&Database>) -> Process {
        let n = self.started.fetch_add(1, Ordering::Relaxed);
        let mut config: toml::Table = WORKER.parse().unwrap();
        merge(&mut config, extra.parse().unwrap());
        let ours = format!(
            "worker.name = 'worker-{n}'\nbroker.prefix = '{}'\nsecrets.dir = '{}'\n\
             slx.known_hosts = '{}'\nefa.ca_file = '{}'\n",
            self.prefix,
            self.files.secrets_dir.display(),
            self.files.known_hosts.display(),
            self.files.ca.display(),
        );
        merge(&mut config, ours.parse().unwrap());
        let file = self.dir.path().join(format!("worker-{n}.toml"));
        std::fs::write(&file, config.to_string()).unwrap();
        command
            .env("TPVM_WORKER_CONFIG", &file)
            .env("RUST_LOG", "info,worker=debug,tpvm::point=trace")
            .env("NO_COLOR", "1");
        self.with_urls(&mut command);
        if let Some(other) = other {
            command.env("DATABASE_URL", other.url());
        }
        Process::start(&mut command, &self.log_file(&format!("worker-{n}")))
    }

    /// Waits until every worker that was started is connected to the broker: from then on, none
    /// declares anything there for the first time.
    pub async fn connected(&self) {
        let n = self.started.load(Ordering::Relaxed);
        until("every worker to be connected to the broker", || async {
            let is_connected = |n: usize| {
                let log = self.log_file(&format!("worker-{n}"));
                let log = std::fs::read_to_string(log).unwrap_or_default();
                // One publisher each for steps, events and replies.
                [
                    ("the consumer is connected", 1),
                    ("the publisher is connected", 3),
                ]
                .iter()
                .all(|(line, times)| log.matches(line).count() >= *times)
            };
            (0..n).all(is_connected).then_some(())
        })
        .await;
    }

    /// Everything that any worker has logged.
    pub fn logs(&self) -> String {
        let n = self.started.load(Ordering::Relaxed);
        let logs = (0..n).map(|n| self.log_file(&format!("worker-{n}")));
        logs.map(|file| std::fs::read_to_string(file).unwrap_or_default())
            .collect()
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.log"))
    }
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
