//! Where schedules run, one after the other: a database, and a bench for each worker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use worker::config::{Config, Timing};
use worker::secrets::Secrets;
use worker::slx::Dialect;

use crate::bench::Bench;
use crate::database::Database;
use crate::driver::Run;
use crate::fleet::{SECRET, SECRETS};
use crate::laws::Violation;
use crate::point::Point;
use crate::schedule::Schedule;
use crate::sites::{COMMAND_TIMEOUT, REQUEST_TIMEOUT};

/// The most workers of a schedule.
const WORKERS: usize = 3;

/// What became of a schedule.
#[derive(Debug)]
pub struct Report {
    /// The law that was broken, if one was.
    pub violation: Option<Violation>,
    /// What went on, a line each: the seconds since the beginning, who, and what.
    pub log: Vec<String>,
    /// How much of everything there was.
    pub counts: Counts,
}

/// How much of everything there was.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How upgrades ended, by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// The faults that happened, by name.
    pub faults: BTreeMap<String, u64>,
    /// How often each point was passed.
    pub passed: BTreeMap<Point, u64>,
    /// Messages handed out.
    pub delivered: u64,
    /// Time that passed, by the schedules' clock.
    pub time: Duration,
}

impl Counts {
    /// Adds another schedule's.
    pub fn add(&mut self, other: &Counts) {
        fn merge<K: Clone + Ord>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (name, count) in from {
                *into.entry(name.clone()).or_default() += count;
            }
        }
        merge(&mut self.verdicts, &other.verdicts);
        merge(&mut self.faults, &other.faults);
        merge(&mut self.passed, &other.passed);
        self.delivered += other.delivered;
        self.time += other.time;
    }

    /// The statements that reached Postgres.
    pub fn statements(&self) -> u64 {
        let after = |(point, count): (&Point, &u64)| match point {
            Point::After(_) => *count,
            _ => 0,
        };
        self.passed.iter().map(after).sum()
    }
}

/// See the module.
pub struct Stage {
    pub(crate) driver: Runtime,
    pub(crate) database: Database,
    pub(crate) benches: Vec<Bench>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) dialect: Arc<Dialect>,
    _secrets_dir: TempDir,
}

impl Stage {
    /// Makes a database on the server of `url`, to be dropped by [`Stage::close`].
    ///
    /// # Errors
    /// When the server can't be reached or refuses.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        broker::delay::without_jitter();
        let driver = Builder::new_current_thread().enable_all().build()?;
        let database = driver.block_on(Database::new(url))?;
        let benches = (0..WORKERS).map(|worker| Bench::new(worker, database.url()));
        let benches = benches.collect::<Result<_, _>>()?;
        let secrets_dir = tempfile::tempdir()?;
        for name in SECRETS {
            std::fs::write(secrets_dir.path().join(name), format!("{SECRET}{name}"))?;
        }
        Ok(Self {
            driver,
            database,
            benches,
            secrets: Arc::new(Secrets::new(Some(secrets_dir.path().to_owned()))),
            dialect: Arc::new(Dialect::built_in()),
            _secrets_dir: secrets_dir,
        })
    }

    /// Runs a schedule to its end, or to the first law that is broken.
    ///
    /// # Errors
    /// When Postgres fails the driver itself, or the schedule makes no sense.
    pub fn run(&mut self, schedule: &Schedule) -> anyhow::Result<Report> {
        Run::new(self, schedule)?.run()
    }

    /// Drops the database.
    ///
    /// # Errors
    /// When that fails.
    pub fn close(self) -> anyhow::Result<()> {
        drop(self.benches);
        self.driver.block_on(self.database.close())
    }
}

/// The workers' configuration: the default one, with bounds that keep schedules short.
pub(crate) fn config(hurried: bool) -> Config {
    let long = Duration::from_secs(if hurried { 240 } else { 900 });
    let mut config = Config::default();
    config.slx.command_timeout = COMMAND_TIMEOUT;
    config.efa.request_timeout = REQUEST_TIMEOUT;
    config.timing = Timing {
        poll: Duration::from_secs(30),
        retry_max: Duration::from_secs(30),
        retry_attempts: 8,
        // Schedules kill workers more often in a row than anything else would.
        max_deaths: 1000,
        rejoin_grace: Duration::from_secs(120),
        redeploy_quiet: Duration::from_secs(180),
        installation_deadline: long,
        upgrade_deadline: long,
        revert_deadline: long,
        redeploy_deadline: long,
        ..Timing::default()
    };
    config
}
