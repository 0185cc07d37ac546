//! One run from start to end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use futures_util::future::{join, join_all, try_join_all};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::checks::{self, Evidence};
use crate::listeners::Heard;
use crate::monkey::{self, Deeds};
use crate::options::Options;
use crate::report;
use crate::requests::Requester;
use crate::site::Site;
use crate::upgrades::{self, Progress, Upgrade};
use crate::vitals::Vitals;

/// How much of the time the requests are spread over, so that the last of them meet faults too.
const SPREAD: f64 = 0.9;
/// How long the upgrades may take to end once the monkey has stopped: the longest way through
/// deadlines, and what a slow machine needs.
const LAST_ENDS: Duration = Duration::from_secs(600);
/// How long everything that follows from the last end may take: the ledger announces an end that
/// nobody told after half a minute, and has events that were refused published again after a quarter
/// of the time that they were refused for.
const QUIET: Duration = Duration::from_secs(300);
/// How soon a worker is started again that found no servers.
const RESTART: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(500);
const TELL: Duration = Duration::from_secs(15);

/// Runs chaos; says whether everything promised was kept.
///
/// # Errors
/// What kept the run from being made or judged.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seed = options.seed.unwrap_or(clock.as_secs());
    println!(
        "seed {seed}: {} upgrades of {} EFA deployments by {} workers, while the monkey is at work \
         for {:?}",
        options.total(),
        options.deployments,
        options.workers,
        options.minutes,
    );
    let site = Site::start(options).await?;
    println!("logs and data: {}", site.dir().display());
    let judged = Run::new(&site, seed, options).judged().await;
    let sound = matches!(judged, Ok(true));
    // What can't be stopped in order is killed when it is dropped.
    if let Some(dir) = site.stop(options.keep || !sound).await? {
        println!("\nkept for a look: {}", dir.display());
    }
    if !sound {
        println!("the same upgrades and faults again: --seed {seed} with the same other options");
    }
    judged
}

struct Run<'a> {
    site: &'a Site,
    seed: u64,
    options: &'a Options,
    begin: Instant,
    requester: Requester,
    heard: Heard,
    deeds: Deeds,
    progress: Progress,
    vitals: Vitals,
    found: Mutex<Vec<String>>,
    /// No more faults.
    calm: CancellationToken,
    /// No more listening.
    over: CancellationToken,
}

impl<'a> Run<'a> {
    fn new(site: &'a Site, seed: u64, options: &'a Options) -> Self {
        Self {
            site,
            seed,
            options,
            begin: Instant::now(),
            requester: Requester::new(site.broker()),
            heard: Heard::default(),
            deeds: Deeds::default(),
            progress: Progress::default(),
            vitals: Vitals::of(site),
            found: Mutex::default(),
            calm: CancellationToken::new(),
            over: CancellationToken::new(),
        }
    }

    async fn judged(self) -> anyhow::Result<bool> {
        broker::declare(&self.site.broker()).await?;
        let work = async {
            let upgrades = self.carry_out().await;
            self.over.cancel();
            upgrades
        };
        let listen = join(
            self.heard.listen(self.site, &self.requester, &self.over),
            self.heard
                .listen_with_breaks(self.site, &self.calm, &self.over),
        );
        let upgrades = tokio::select! {
            (upgrades, _) = join(work, listen) => upgrades?,
            () = self.requester.listen() => bail!("nobody hears replies any more"),
            looked = self.look_after_workers() => { looked?; bail!("nobody looks after workers") }
            () = self.tell() => bail!("nobody tells any more"),
        };
        self.take_down().await?;
        self.judge(upgrades).await
    }

    /// Upgrades and faults, and the end of both.
    async fn carry_out(&self) -> anyhow::Result<Vec<Upgrade>> {
        try_join_all(self.site.workers.iter().map(|worker| worker.start())).await?;
        while self.heard.book().declared.is_empty() {
            sleep(LOOK).await;
        }
        let plans = upgrades::plan(
            self.seed,
            self.options.total(),
            self.site.deployments.len(),
            self.options.minutes.mul_f64(SPREAD),
        );
        let upgrades = async {
            let upgrades = upgrades::run(self.site, &self.requester, plans, &self.progress);
            let longest = self.options.minutes + LAST_ENDS;
            timeout(longest, upgrades).await.with_context(|| {
                format!("not all upgrades have ended {LAST_ENDS:?} after the monkey stopped")
            })?
        };
        let monkey = async {
            let monkey = monkey::run(self.seed, self.site, &self.deeds, &self.calm);
            let timer = async {
                sleep(self.options.minutes).await;
                self.calm.cancel();
            };
            tokio::join!(monkey, timer).0
        };
        let watching = async {
            self.vitals.watch(self.site, &self.calm).await;
            anyhow::Ok(())
        };
        let (upgrades, (), ()) = tokio::try_join!(upgrades, monkey, watching)?;
        self.quieten().await?;
        Ok(upgrades)
    }

    /// Waits until nothing is left to be done: each end told, no message on any queue.
    async fn quieten(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let executions = self.site.records.executions().await?;
            let untold = executions
                .iter()
                .filter(|one| one.end_announced_at.is_none())
                .count();
            let rabbitmq = self.site.rabbitmq.lock().await;
            let queues = rabbitmq.ctl(&["list_queues", "name", "messages"]).await?;
            let left: Vec<&str> = queues
                .lines()
                .filter(|line| !line.trim().ends_with("\t0"))
                .collect();
            let left: Vec<&str> = left
                .into_iter()
                .filter(|line| line.contains(crate::site::PREFIX))
                .collect();
            if untold == 0 && left.is_empty() {
                return Ok(());
            }
            if begin.elapsed() > QUIET {
                self.find(format!("after {QUIET:?}, {untold} ends are not announced, and there are messages: {left:?}"));
                return Ok(());
            }
            drop(rabbitmq);
            sleep(LOOK).await;
        }
    }

    /// Ends the workers in order, and looks for what they leave.
    async fn take_down(&self) -> anyhow::Result<()> {
        for ended in join_all(self.site.workers.iter().map(|worker| worker.terminate())).await {
            if let Err(error) = ended {
                self.find(format!("{error:#}"));
            }
        }
        self.requester.clone().close().await;
        let begin = Instant::now();
        loop {
            let postgres = self.site.records.foreign_connections().await?;
            let rabbitmq = self.site.rabbitmq.lock().await;
            let listed = rabbitmq.ctl(&["list_connections", "name"]).await?;
            let rabbitmq = listed.lines().filter(|line| line.contains("->")).count();
            if (postgres, rabbitmq) == (0, 0) {
                return Ok(());
            }
            if begin.elapsed() > QUIET {
                self.find(format!(
                    "connections are left: {postgres} to Postgres, {rabbitmq} to RabbitMQ"
                ));
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    async fn judge(self, upgrades: Vec<Upgrade>) -> anyhow::Result<bool> {
        let evidence = Evidence {
            site: self.site,
            upgrades,
            executions: self.site.records.executions().await?,
            histories: self.site.records.histories().await?,
            done: std::mem::take(&mut *self.deeds.done()),
            heard: std::mem::take(&mut *self.heard.book()),
            courses: self.vitals.courses(),
            found: std::mem::take(&mut *lock(&self.found)),
        };
        let violations = checks::violations(&evidence);
        println!("\n{}", report::tables(&evidence));
        println!("{}", report::violations(&evidence, &violations));
        println!(
            "seed {}: {} upgrades and {} faults in {:.0?}; {} requests were sent again for want of a reply; {} events heard; violations: {}",
            self.seed,
            evidence.upgrades.len(),
            evidence.done.faults.len(),
            self.begin.elapsed(),
            self.requester.resent(),
            evidence.heard.events,
            violations.len(),
        );
        Ok(violations.is_empty())
    }

    async fn look_after_workers(&self) -> anyhow::Result<()> {
        loop {
            for worker in &self.site.workers {
                if let Some(found) = worker.look_after().await? {
                    self.find(found);
                }
            }
            sleep(RESTART).await;
        }
    }

    /// Says now and then how far it is.
    async fn tell(&self) {
        loop {
            sleep(TELL).await;
            let count = |number: &AtomicU32| number.load(Ordering::Relaxed);
            let done = self.deeds.done();
            println!(
                "{:>5.0?}  {} requested, {} accepted, {} ended, {} faults; now: {}",
                self.begin.elapsed(),
                count(&self.progress.requested),
                count(&self.progress.accepted),
                count(&self.progress.ended),
                done.faults.len(),
                done.now.join(", "),
            );
        }
    }

    fn find(&self, what: String) {
        lock(&self.found).push(what);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
