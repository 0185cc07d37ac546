//! A world of its own for each test.

use std::net::IpAddr;
use std::process::Output;
use std::sync::atomic::AtomicUsize;

use broker::{BrokerOptions, Publisher};
use ledger::{Execution, HistoryRow, Ledger, LedgerOptions};
use schemas::inventory::Inventory;
use schemas::{Names, State};
use services::Database;
use simulator::{DeploymentHandle, Fault, Files, Fleet, Settings, Simulator, SwitchHandle};
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

use crate::process::{binary, output};
use crate::until;

/// The commands that disrupt: what a device or EFA must never do twice.
pub const DISRUPTIVE: [&str; 4] = ["tpvm-upgrade", "deploy", "tpvm-revert", "efa-redeploy"];

/// Real servers, simulated devices, and the programs under test.
pub struct World {
    /// Switches and EFA deployments.
    pub simulator: Simulator,
    /// The ledger that the workers write.
    pub ledger: Ledger,
    /// The names of this world's exchanges and queues.
    pub names: Names,
    /// The way to the broker.
    pub broker: BrokerOptions,
    /// Publishes as EFA would.
    pub publisher: Publisher,
    pub(crate) prefix: String,
    deployments: Vec<String>,
    actives: Vec<IpAddr>,
    pub(crate) standbys: Vec<IpAddr>,
    pub(crate) files: Files,
    pub(crate) dir: TempDir,
    pub(crate) started: AtomicUsize,
    environment: Vec<(String, String)>,
    database: Database,
}

impl World {
    /// A world with this fleet, its inventory loaded, and nobody at work yet.
    ///
    /// # Panics
    /// If the servers can't be reached.
    pub async fn new(fleet: Fleet) -> Self {
        Self::on(&services::amqp_url().unwrap(), fleet).await
    }

    /// As [`World::new`], on a broker of the caller's choice.
    ///
    /// # Panics
    /// If the servers can't be reached.
    pub async fn on(amqp_url: &str, fleet: Fleet) -> Self {
        let deployments = fleet
            .deployments
            .iter()
            .map(|spec| spec.name.clone())
            .collect();
        let switches = |node: usize| {
            let specs = fleet.deployments.iter();
            specs
                .filter_map(|spec| spec.switches.get(node))
                .map(|switch| IpAddr::V4(switch.address))
                .collect()
        };
        let (actives, standbys) = (switches(0), switches(1));
        let database = services::database().await.unwrap();
        let ledger = Ledger::connect(database.url(), &LedgerOptions::default())
            .await
            .unwrap();
        ledger.migrate().await.unwrap();

        let simulator = Simulator::start(fleet, Settings::fast()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let files = simulator.write_files(dir.path()).unwrap();
        let inventory: Inventory = serde_json::from_value(simulator.inventory()).unwrap();
        ledger.load_inventory(&inventory).await.unwrap();

        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let names = Names::new(&prefix);
        let broker = BrokerOptions {
            names: names.clone(),
            ..BrokerOptions::new(amqp_url, "end-to-end test")
        };
        broker::declare(&broker).await.unwrap();
        let publisher = Publisher::start(broker.clone());
        Self {
            simulator,
            ledger,
            names,
            broker,
            publisher,
            prefix,
            deployments,
            actives,
            standbys,
            files,
            dir,
            started: AtomicUsize::new(0),
            environment: Vec::new(),
            database,
        }
    }

    /// The standby's switch of the `n`th deployment: the one that is upgraded.
    ///
    /// # Panics
    /// If there is none.
    pub fn standby(&self, n: usize) -> SwitchHandle {
        self.simulator.switch(self.standbys[n]).unwrap()
    }

    /// The other switch of the `n`th deployment, which carries EFA meanwhile.
    ///
    /// # Panics
    /// If there is none.
    pub fn active(&self, n: usize) -> SwitchHandle {
        self.simulator.switch(self.actives[n]).unwrap()
    }

    /// How often the `n`th deployment carried out each of [`DISRUPTIVE`].
    ///
    /// # Panics
    /// If there is no such deployment.
    pub fn effects(&self, n: usize) -> [u64; 4] {
        let (standby, efa) = (self.standby(n), self.efa(n));
        DISRUPTIVE.map(|call| standby.effects(call) + efa.effects(call))
    }

    /// The EFA of the `n`th deployment.
    ///
    /// # Panics
    /// If there is none.
    pub fn efa(&self, n: usize) -> DeploymentHandle {
        self.simulator.deployment(&self.deployments[n]).unwrap()
    }

    /// Something goes wrong with the `n`th deployment: at its EFA, or at its standby's switch.
    ///
    /// # Panics
    /// If there is no such deployment, command or endpoint.
    pub fn fault(&self, n: usize, fault: Fault) {
        if fault.on.starts_with("efa-") {
            self.efa(n).fault(fault).unwrap();
        } else {
            self.standby(n).fault(fault).unwrap();
        }
    }

    /// Waits until an execution has ended.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub async fn finished(&self, id: Uuid) -> Execution {
        until("the end of the execution", || async {
            let execution = self.ledger.execution(id).await.unwrap().unwrap();
            execution.verdict.is_some().then_some(execution)
        })
        .await
    }

    /// Waits until an execution's step in `state` is held by a worker.
    ///
    /// # Panics
    /// If that does not come about within a minute.
    pub async fn held_in(&self, id: Uuid, state: State) {
        until(&format!("a worker in {state}"), || async {
            let execution = self.ledger.execution(id).await.unwrap().unwrap();
            assert!(
                execution.verdict.is_none(),
                "ended without {state}: {execution:?}"
            );
            (execution.state == state && execution.claimed_by.is_some()).then_some(())
        })
        .await;
    }

    /// An execution's history.
    ///
    /// # Panics
    /// If it can't be read.
    pub async fn history(&self, id: Uuid) -> Vec<HistoryRow> {
        self.ledger.history(id).await.unwrap()
    }

    /// The states that an execution went through, the first and the last included.
    ///
    /// # Panics
    /// If its history is not one unbroken path.
    pub async fn path(&self, id: Uuid) -> Vec<State> {
        let history = self.history(id).await;
        let mut path = vec![history[0].from];
        for (row, seq) in history.iter().zip(1..) {
            assert_eq!(
                (row.seq, Some(&row.from)),
                (seq, path.last()),
                "{history:?}"
            );
            path.push(row.to);
        }
        path
    }

    /// Runs the command line `tpvm-upgrade` to its end.
    pub async fn cli(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary("tpvm-upgrade"));
        output(self.with_urls(&mut command).args(args)).await
    }

    /// The secrets of this world, none of which may show anywhere.
    pub fn secrets(&self) -> Vec<String> {
        self.simulator
            .secrets()
            .into_iter()
            .map(|(_, secret)| secret)
            .collect()
    }

    /// The environment that tells programs where the servers are.
    pub fn with_urls<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DATABASE_URL", self.database.url())
            .env("AMQP_URL", &self.broker.url)
            .env("TPVM_BROKER_PREFIX", &self.prefix)
            .envs(self.environment.iter().cloned())
    }

    /// Sets a variable, for example `DATABASE_URL`, for all programs that are started from now on.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Takes a variable away from [`World::set_env`] again.
    pub fn unset_env(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// The folder with a file for each secret.
    pub fn secrets_dir(&self) -> std::path::PathBuf {
        self.files.secrets_dir.clone()
    }

    /// A folder for files of this world.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// This world's database, as `DATABASE_URL` has it.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Takes everything down that is not this world's alone.
    ///
    /// # Panics
    /// If the servers can't be reached.
    pub async fn close(self) {
        self.publisher.close().await;
        self.ledger.close().await;
        self.database.close().await.unwrap();
        self.simulator.stop().await;
    }
}
