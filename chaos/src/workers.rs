//! The worker processes, each with its own ways to the servers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use services::Proxy;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::site::PREFIX;

/// How long a worker may take to end in order: longer than its drain timeout and the bounds on
/// its last writes and publishes.
const END: Duration = Duration::from_secs(60);

/// One worker: its process, which comes and goes, and what stays.
pub struct Worker {
    pub name: String,
    pub to_postgres: Proxy,
    pub to_rabbitmq: Proxy,
    config: PathBuf,
    log: PathBuf,
    database_url: String,
    amqp_url: String,
    process: Mutex<Option<Process>>,
}

struct Process {
    child: Child,
    /// Where in the log its lines begin.
    log_begin: usize,
}

impl Worker {
    /// Writes a worker's configuration; the process is started by [`Worker::start`].
    pub fn prepare(
        name: String,
        dir: &Path,
        database_url: &str,
        amqp_url: &str,
    ) -> anyhow::Result<Self> {
        let to_postgres = Proxy::before(database_url)?;
        let to_rabbitmq = Proxy::before(amqp_url)?;
        let config = dir.join(format!("{name}.toml"));
        std::fs::write(&config, settings(&name, dir))
            .context("can't write a worker's configuration")?;
        Ok(Self {
            database_url: to_postgres.through(database_url),
            amqp_url: to_rabbitmq.through(amqp_url),
            log: dir.join(format!("{name}.log")),
            name,
            to_postgres,
            to_rabbitmq,
            config,
            process: Mutex::default(),
        })
    }

    /// Starts the process, unless it runs.
    pub async fn start(&self) -> anyhow::Result<()> {
        let mut process = self.process.lock().await;
        if process.is_some() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("can't write {}", self.log.display()))?;
        let mut command = Command::new(program("tpvm-worker")?);
        command
            .arg("--config")
            .arg(&self.config)
            .env("DATABASE_URL", &self.database_url)
            .env("AMQP_URL", &self.amqp_url)
            .env("RUST_LOG", "info,worker=debug,lapin=off")
            .env("NO_COLOR", "1")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stderr(log)
            // Ctrl-C is for us.
            .process_group(0)
            .kill_on_drop(true);
        let log_begin = self.log().len();
        let child = command.spawn().context("can't run tpvm-worker")?;
        *process = Some(Process { child, log_begin });
        Ok(())
    }

    /// Starts it again, after a while, if it ended by itself. A worker that finds no servers at its start may do
    /// that, and leaves the rest to whoever looks after it; one that was at work may not.
    pub async fn look_after(&self) -> anyhow::Result<Option<String>> {
        let mut running = self.process.lock().await;
        let Some(process) = running.as_mut() else {
            return Ok(None);
        };
        let Some(status) = process.child.try_wait()? else {
            return Ok(None);
        };
        let was_at_work = self.was_at_work(process);
        *running = None;
        drop(running);
        self.start().await?;
        let name = &self.name;
        Ok(was_at_work.then(|| format!("{name} ended by itself while at work ({status})")))
    }

    /// SIGKILL, as a crash.
    pub async fn kill(&self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.lock().await.take() {
            process.child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM, and the wait for its end.
    pub async fn terminate(&self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.lock().await.take() else {
            return Ok(());
        };
        signal(&process, Signal::TERM);
        let Ok(status) = tokio::time::timeout(END, process.child.wait()).await else {
            bail!("{} did not end within {END:?} of SIGTERM", self.name);
        };
        let status = status?;
        // Told while it could not start yet for want of a server, it may end as it likes.
        if self.was_at_work(&process) && !status.success() {
            bail!("{} ended badly after SIGTERM ({status})", self.name);
        }
        Ok(())
    }

    fn was_at_work(&self, process: &Process) -> bool {
        self.log()[process.log_begin..].contains("worker started")
    }

    /// SIGSTOP or SIGCONT.
    pub async fn signal(&self, what: Signal) {
        if let Some(process) = self.process.lock().await.as_ref() {
            signal(process, what);
        }
    }

    /// Its process id, if it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.process
            .lock()
            .await
            .as_ref()
            .and_then(|process| process.child.id())
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// An error says that the process is gone, which the next wait finds out.
fn signal(process: &Process, what: Signal) {
    let pid = process.child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let _ = kill_process(pid, what);
    }
}

/// Times that let thousands of upgrades pass in minutes, and hold against every fault of the
/// monkey. What they rest on stands in `monkey.rs`.
fn settings(name: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"
[worker]
name = "{name}"
claim = "5s"
drain_timeout = "4s"
concurrency = 48

[broker]
prefix = "{PREFIX}"
prefetch = 32
publish_timeout = "3s"
connect_timeout = "5s"

[ledger]
max_connections = 16
connect_timeout = "10s"
statement_timeout = "5s"

[due]
interval = "300ms"
again_after = "3s"

[secrets]
dir = "{dir}/secrets"

[slx]
known_hosts = "{dir}/known_hosts"
connect_timeout = "8s"
command_timeout = "9s"

[efa]
ca_file = "{dir}/ca.pem"
connect_timeout = "5s"
request_timeout = "9s"

[timing]
poll = "1s"
retry_first = "200ms"
retry_max = "2s"
retry_attempts = 500
settle = "20s"
redeploy_quiet = "30s"
rejoin_grace = "20s"
validation_deadline = "150s"
configuration_deadline = "150s"
installation_deadline = "150s"
upgrade_deadline = "150s"
revert_deadline = "150s"
redeploy_deadline = "120s"
"#
    )
}

/// A program of this workspace, beside this one.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("can't find this program's folder")?;
    let program = this.with_file_name(name);
    if !program.exists() {
        bail!(
            "{} is missing: run `cargo xtask chaos`, which builds it",
            program.display()
        );
    }
    Ok(program)
}
