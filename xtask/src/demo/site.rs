//! What the upgrades happen to, and the command line that asks for them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use services::Stack;
use tokio::process::Command;

use super::cases::{FIRMWARE_HOST, IMAGE};
use super::simulator::Simulator;
use crate::job::{folder, program, succeed};

/// How long any one thing may take to start, to end or to answer.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What the names of exchanges and queues begin with.
pub const PREFIX: &str = "tpvm-upgrade-demo";

/// The servers that the project's programs work with.
#[derive(Clone)]
pub struct Access {
    database_url: String,
    amqp_url: String,
}

/// Simulated switches and EFA nodes, and a ledger that knows them.
pub struct Site {
    dir: PathBuf,
    access: Access,
    inventory: Value,
    simulator: Simulator,
}

impl Access {
    pub fn give_to(&self, command: &mut Command) {
        command
            .env("DATABASE_URL", &self.database_url)
            .env("AMQP_URL", &self.amqp_url);
    }
}

impl Site {
    pub async fn start(stack: &Stack) -> anyhow::Result<Self> {
        let dir = stack.dir().to_owned();
        let simulator = Simulator::start(&dir).await?;
        let file = dir.join("inventory.json");
        let inventory = fs::read(&file).context("can't read the simulator's inventory")?;
        let site = Self {
            access: Access {
                database_url: stack.database_url().to_owned(),
                amqp_url: stack.amqp_url().to_owned(),
            },
            inventory: serde_json::from_slice(&inventory)?,
            simulator,
            dir,
        };
        succeed(site.upgrade(&["migrate"])).await?;
        site.refuse_foreign_inventory().await?;
        let file = file.display().to_string();
        succeed(site.upgrade(&["inventory", "load", &file])).await?;
        Ok(site)
    }

    /// Where whatever belongs to the demo is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn access(&self) -> Access {
        self.access.clone()
    }

    /// The command line that operators use, `tpvm-upgrade`.
    pub fn upgrade(&self, arguments: &[&str]) -> Command {
        let mut command = program("tpvm-upgrade");
        self.access.give_to(&mut command);
        command
            .args(arguments)
            .env("TPVM_BROKER_PREFIX", PREFIX)
            .env_remove("TPVM_UPGRADE_CONFIG")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What that command line says to programs.
    pub async fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = format!("`tpvm-upgrade {}`", arguments.join(" "));
        let mut command = self.upgrade(arguments);
        command.args(["--format", "json"]).stderr(Stdio::inherit());
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output.with_context(|| format!("{said} takes too long"))?;
        let output = output.with_context(|| format!("can't run {said}"))?;
        let answer = String::from_utf8_lossy(&output.stdout);
        let status = output.status;
        ensure!(status.success(), "{said} failed ({status}): {answer}");
        serde_json::from_str(&answer).with_context(|| format!("{said} gave no JSON: {answer}"))
    }

    /// The address of the switch whose TPVM is the standby node of a deployment.
    pub fn standby(&self, deployment: &str) -> anyhow::Result<&str> {
        let deployments = self.inventory["deployments"].as_array();
        deployments
            .and_then(|all| all.iter().find(|one| one["name"] == deployment))
            .and_then(|deployment| deployment["devices"][1]["ip_address"].as_str())
            .with_context(|| format!("the simulator has no standby node of {deployment}"))
    }

    /// How often each command took effect at that node or on its deployment.
    pub async fn effects(&self, deployment: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        let switch = format!("/switches/{}", self.standby(deployment)?);
        let mut effects = BTreeMap::new();
        for path in [switch, format!("/deployments/{deployment}")] {
            let answer = self.simulator.get(&path).await?;
            let counted = answer["counts"]["effects"].as_object();
            let counted = counted.with_context(|| format!("no counts at {path}: {answer}"))?;
            for (name, number) in counted {
                effects.insert(name.clone(), number.as_u64().unwrap_or_default());
            }
        }
        Ok(effects)
    }

    pub fn tell_how_to_reach(&self) -> anyhow::Result<()> {
        let switch = self.standby("refused")?;
        let Access {
            database_url,
            amqp_url,
        } = &self.access;
        println!(
            "\n== all of it runs until Ctrl-C; in another terminal:

export DATABASE_URL='{database_url}' AMQP_URL='{amqp_url}'
export TPVM_BROKER_PREFIX={PREFIX} PATH=\"{programs}:$PATH\"
tpvm-upgrade list
tpvm-upgrade inventory show
tpvm-upgrade execute --ip {switch} --firmware-host {FIRMWARE_HOST} \\
    --tpvm-image {IMAGE} --wait

the simulator's control:   curl -s {simulator}/switches
logs and configurations:   {dir}",
            programs = folder().display(),
            simulator = self.simulator.control_url(),
            dir = self.dir.display(),
        );
        Ok(())
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        self.simulator.stop().await
    }

    /// The demo writes into the database that it is given, where simulated switches must not get
    /// among real ones.
    async fn refuse_foreign_inventory(&self) -> anyhow::Result<()> {
        let inventory = self.ask(&["inventory", "show"]).await?;
        let deployments = inventory["deployments"].as_array();
        if deployments.is_some_and(|all| !all.is_empty()) {
            bail!("the database in DATABASE_URL has an inventory: unset it, or name an empty one");
        }
        Ok(())
    }
}

/// Where the process of that name writes what it has to say.
pub fn log(dir: &Path, name: &str) -> anyhow::Result<File> {
    let path = dir.join(format!("{name}.log"));
    let file = File::options().create(true).append(true).open(&path);
    file.with_context(|| format!("can't write {}", path.display()))
}
