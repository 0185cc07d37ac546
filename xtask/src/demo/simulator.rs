//! The simulated switches and EFA nodes.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::cases::FLEET;
use super::site::{PATIENCE, log};
use crate::job::{Job, program};

pub struct Simulator {
    job: Job,
    /// Where its control API is: `127.0.0.1:<port>`.
    control: String,
}

impl Simulator {
    /// Starts it, with what others need to know of it in files under `dir`.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        let fleet = dir.join("fleet.toml");
        fs::write(&fleet, FLEET).context("can't write the simulator's fleet")?;
        let mut command = program("tpvm-simulator");
        for (flag, file) in [
            ("--fleet", "fleet.toml"),
            ("--write-inventory", "inventory.json"),
            ("--secrets-dir", "secrets"),
            ("--ca-file", "ca.pem"),
            ("--known-hosts", "known_hosts"),
        ] {
            command.arg(flag).arg(dir.join(file));
        }
        command
            .args(["--upgrade", "4s", "--install", "4s", "--revert", "3s"])
            .args(["--redeploy", "3s", "--stale-status", "2s"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log(dir, "simulator")?);
        let mut job = Job::start(command)?;
        let stdout = job.stdout().context("the simulator has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.context("the simulator is not ready in time")??;
        let control = line
            .as_deref()
            .and_then(|line| line.strip_prefix("ready control=http://"))
            .with_context(|| {
                let log = fs::read_to_string(dir.join("simulator.log")).unwrap_or_default();
                format!("the simulator did not start: {log}")
            })?;
        Ok(Self {
            control: control.to_owned(),
            job,
        })
    }

    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// One answer of its control API. HTTP 1.0 by hand: a client would double this crate's build.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let asked = async {
            let mut stream = TcpStream::connect(&self.control).await?;
            let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.control);
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        let answer = answer.context("the simulator does not answer")??;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.lines().next().unwrap_or_default();
        ensure!(
            status.contains(" 200 "),
            "the simulator answers {status} to {path}: {body}"
        );
        serde_json::from_str(body).with_context(|| format!("{path} gives no JSON: {body}"))
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        self.job.terminate(PATIENCE).await
    }
}
