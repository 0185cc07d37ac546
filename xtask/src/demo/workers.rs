//! The two workers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::site::{Access, PATIENCE, PREFIX, log};
use crate::job::{Job, program};

/// A log's end, in lines.
const TAIL: usize = 40;
/// Time enough for a step now and then, little enough that many are hit.
const BETWEEN_KILLS: Duration = Duration::from_secs(2);
const WORKERS: [&str; 2] = ["worker-1", "worker-2"];

/// Short times, so that a person can watch; the defaults are for real switches.
const TIMES: &str = r#"
[due]
interval = "500ms"
again_after = "5s"

[timing]
poll = "500ms"
retry_first = "500ms"
retry_max = "2s"
settle = "12s"
redeploy_quiet = "30s"
rejoin_grace = "30s"
validation_deadline = "120s"
configuration_deadline = "120s"
installation_deadline = "120s"
upgrade_deadline = "120s"
revert_deadline = "120s"
redeploy_deadline = "120s"
"#;

/// Two worker processes, each with its configuration and its log under `dir`.
pub struct Workers {
    dir: PathBuf,
    access: Access,
    jobs: Vec<Job>,
}

impl Workers {
    /// Starts both and waits until they are healthy: then the queues are there.
    pub async fn start(dir: &Path, access: Access) -> anyhow::Result<Self> {
        let mut workers = Self {
            dir: dir.to_owned(),
            access,
            jobs: Vec::new(),
        };
        for name in WORKERS {
            let path = workers.config(name);
            fs::write(path, settings(name, dir)).context("can't write a worker's configuration")?;
        }
        workers.spawn()?;
        for name in WORKERS {
            workers.until_healthy(name).await?;
        }
        Ok(workers)
    }

    /// Again and again: all of them at once, as a power cut would, and new ones.
    pub async fn kill_and_replace(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(BETWEEN_KILLS).await;
            self.jobs.clear();
            println!("{:<18}all workers were killed; starting new ones", "");
            self.spawn()?;
        }
    }

    /// Lets them finish what they do.
    pub async fn stop(self) -> anyhow::Result<()> {
        for job in self.jobs {
            job.terminate(PATIENCE).await?;
        }
        Ok(())
    }

    pub fn show_logs(&self) {
        for name in WORKERS {
            let path = self.dir.join(format!("{name}.log"));
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            println!("\n== the end of the log of {name}");
            for line in &lines[lines.len().saturating_sub(TAIL)..] {
                println!("{line}");
            }
        }
    }

    fn spawn(&mut self) -> anyhow::Result<()> {
        for name in WORKERS {
            let mut command = program("tpvm-worker");
            self.access.give_to(&mut command);
            command
                .arg("--config")
                .arg(self.config(name))
                // Into a file.
                .env("NO_COLOR", "1")
                .stdin(Stdio::null())
                .stderr(log(&self.dir, name)?);
            self.jobs.push(Job::start(command)?);
        }
        Ok(())
    }

    async fn until_healthy(&self, name: &str) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let mut health = program("tpvm-worker");
            health.arg("health").arg("--config").arg(self.config(name));
            health.stderr(Stdio::null()).kill_on_drop(true);
            if health
                .status()
                .await
                .context("can't run tpvm-worker")?
                .success()
            {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                self.show_logs();
                bail!("{name} is not healthy after {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn config(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.toml"))
    }
}

fn settings(name: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"
[worker]
name = "{name}"
heartbeat_file = "{dir}/{name}.alive"
claim = "5s"
drain_timeout = "10s"

[broker]
prefix = "{PREFIX}"

[secrets]
dir = "{dir}/secrets"

[slx]
known_hosts = "{dir}/known_hosts"
connect_timeout = "10s"
command_timeout = "10s"

[efa]
ca_file = "{dir}/ca.pem"
request_timeout = "10s"

{TIMES}"#
    )
}
