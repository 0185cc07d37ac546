//! Everything that takes part: servers, switches, EFA nodes, workers, and a proxy between each
//! two of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ledger::{Ledger, LedgerOptions};
use schemas::Names;
use schemas::inventory::Inventory;
use services::{Postgres, Proxy, RabbitMq};
use simulator::{
    DeploymentHandle, DeploymentOptions, Fleet, Profile, Settings, Simulator, SwitchHandle,
};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::options::Options;
use crate::records::Records;
use crate::workers::Worker;

/// What the names of exchanges and queues begin with.
pub const PREFIX: &str = "tpvm-chaos";

/// Everything that takes part.
pub struct Site {
    pub names: Names,
    pub amqp_url: String,
    pub records: Records,
    pub workers: Vec<Worker>,
    pub deployments: Vec<Deployment>,
    pub simulator: Simulator,
    pub postgres: Mutex<Postgres>,
    pub rabbitmq: Mutex<RabbitMq>,
    // Last: whatever writes into it is gone before it.
    dir: TempDir,
}

/// One EFA deployment, of which the standby's TPVM is upgraded.
pub struct Deployment {
    pub name: String,
    /// The standby's management address.
    pub address: IpAddr,
    pub switch: SwitchHandle,
    pub efa: DeploymentHandle,
    pub to_switch: Proxy,
    pub to_efa: Proxy,
    /// The standby's TPVM configuration, to be restored.
    pub config: Vec<String>,
}

impl Site {
    /// Starts all but the worker processes.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        let dir = services::scratch_dir()?;
        let (postgres, rabbitmq) =
            tokio::try_join!(Postgres::start(dir.path()), RabbitMq::start(dir.path()))?;
        // Every kind of switch takes part.
        let profiles = Profile::ALL.into_iter().cycle();
        let fleet: Vec<_> = profiles
            .take(options.deployments as usize)
            .map(|profile| DeploymentOptions {
                profile,
                ..DeploymentOptions::default()
            })
            .collect();
        let fleet = Fleet::with(&fleet);
        let simulator = Simulator::start(fleet, Settings::default()).await?;
        simulator.write_files(dir.path())?;

        let mut inventory: Inventory = serde_json::from_value(simulator.inventory())
            .context("the simulator's inventory is not ours")?;
        let deployments = deployments(&simulator, &mut inventory, &dir.path().join("known_hosts"))?;
        let database_url = postgres.url();
        let ledger = Ledger::connect(&database_url, &LedgerOptions::default()).await?;
        ledger.migrate().await?;
        ledger.load_inventory(&inventory).await?;
        ledger.close().await;

        let amqp_url = rabbitmq.url();
        let workers = (1..=options.workers)
            .map(|n| Worker::prepare(format!("worker-{n}"), dir.path(), &database_url, &amqp_url));
        Ok(Self {
            names: Names::new(PREFIX),
            records: Records::connect(&database_url)?,
            workers: workers.collect::<anyhow::Result<_>>()?,
            deployments,
            simulator,
            postgres: Mutex::new(postgres),
            rabbitmq: Mutex::new(rabbitmq),
            amqp_url,
            dir,
        })
    }

    /// Where whatever belongs to the run is.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The workers that live to the end, and those that do not.
    pub fn long_lived(&self) -> (&[Worker], &[Worker]) {
        self.workers.split_at(2.min(self.workers.len()))
    }

    /// How the servers are reached by us, past the proxies.
    pub fn broker(&self) -> broker::BrokerOptions {
        let mut options = broker::BrokerOptions::new(&self.amqp_url, "chaos");
        options.names = self.names.clone();
        options.reconnect.max = std::time::Duration::from_secs(1);
        options
    }

    /// Takes everything down; says where the folder is, if it was to be kept.
    pub async fn stop(self, keep: bool) -> anyhow::Result<Option<PathBuf>> {
        self.records.close().await;
        self.postgres.into_inner().stop().await?;
        self.rabbitmq.into_inner().stop().await?;
        self.simulator.stop().await;
        if keep {
            return Ok(Some(self.dir.keep()));
        }
        self.dir.close().context("can't remove the run's folder")?;
        Ok(None)
    }
}

/// Puts a proxy before each standby's switch and each EFA, into the inventory and among the known
/// hosts.
fn deployments(
    simulator: &Simulator,
    inventory: &mut Inventory,
    known_hosts: &Path,
) -> anyhow::Result<Vec<Deployment>> {
    let text = simulator.known_hosts();
    let keys = keys(&text);
    let mut more = String::new();
    let mut all = Vec::new();
    for deployment in &mut inventory.deployments {
        let name = deployment.name.to_string();
        let [_, device] = deployment.devices.as_mut_slice() else {
            bail!("{name} has not two devices");
        };
        let switch = simulator.switch(device.ip_address);
        let efa = simulator.deployment(&name);
        let (Some(switch), Some(efa)) = (switch, efa) else {
            bail!("the simulator does not know {name}");
        };
        let to_switch = Proxy::start(switch.ssh_address().to_string())?;
        let to_efa = Proxy::before(&deployment.api_url)?;
        let SocketAddr::V4(through) = to_switch.address() else {
            bail!("a proxy listens on IPv4 only");
        };
        let key = keys
            .get(&host(switch.ssh_address()))
            .with_context(|| format!("no key of {name}"))?;
        writeln!(more, "{} {key}", host(through.into()))?;
        device.ssh_host = Some(through.ip().to_string().parse()?);
        device.ssh_port = through.port();
        deployment.api_url = to_efa.through(&deployment.api_url);
        all.push(Deployment {
            address: device.ip_address,
            config: switch.state().running_config.unwrap_or_default(),
            name,
            switch,
            efa,
            to_switch,
            to_efa,
        });
    }
    std::fs::write(known_hosts, text + &more).context("can't write the known hosts")?;
    Ok(all)
}

/// The key of each host in a `known_hosts` text.
fn keys(text: &str) -> HashMap<String, &str> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(host, key)| (host.to_owned(), key)).collect()
}

fn host(address: SocketAddr) -> String {
    format!("[{}]:{}", address.ip(), address.port())
}

/// Each deployment takes some ten descriptors, and each session six more.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, and too few, something else says so.
    let _ = setrlimit(Resource::Nofile, limit);
}
