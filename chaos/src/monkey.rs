//! The monkey: breaks one thing after the other, in an order that the seed decides.
//!
//! Two tracks run side by side, so that faults of both meet: one is at the servers, the other at
//! workers, networks and messages. Within a track one fault ends before the next begins.
//!
//! What the system promises rests on relations between times, which no fault may break by itself
//! (`workers.rs` has the settings):
//!
//! - A command leaves its worker `settle − longest command` = 11 s after its intent at the latest,
//!   for the wait for a ledger that is away; a worker is frozen for 7 s at most, and a network
//!   keeps a command for 5 s at most. With the longest absence of Postgres, 5 s, a command arrives
//!   within 17 s, and is taken for lost after `settle` = 20 s.
//! - A frozen worker is frozen for longer than its `claim` of 5 s, which it loses.
//! - After a fault at the servers they are left alone for at least as long as it lasted, on a slow
//!   machine too; the shortest deadline is 120 s.

pub mod garbage;
mod network;
mod postgres;
mod rabbitmq;
mod workers;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use futures_util::future::try_join;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::garbage::Garbage;
use crate::site::Site;
use network::NetworkFault;
use postgres::PostgresFault;
use rabbitmq::RabbitMqFault;
use workers::WorkerFault;

pub use rabbitmq::WIPED;

/// What the monkey did.
#[derive(Default)]
pub struct Deeds(Mutex<Done>);

#[derive(Default)]
pub struct Done {
    pub faults: Vec<Fault>,
    /// What is going on.
    pub now: Vec<&'static str>,
    pub garbage: Vec<Published>,
    /// How many of them there would be if the broker had confirmed all.
    pub drawn: usize,
}

/// A fault that was made and is over.
pub struct Fault {
    pub kind: &'static str,
    pub begin: DateTime<Utc>,
    /// When what was broken was whole again. What was killed is not: others have to go on.
    pub end: DateTime<Utc>,
    /// The unfinished upgrades that it hit.
    pub hit: Vec<Uuid>,
    /// The worker whose own ways were broken.
    pub worker: Option<String>,
}

/// Garbage that the broker has confirmed.
pub struct Published {
    pub garbage: Garbage,
    pub at: DateTime<Utc>,
}

impl Deeds {
    pub fn done(&self) -> MutexGuard<'_, Done> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault that can be made.
trait Make: Sized + Clone {
    /// Every kind of this track, as often as it comes up in one round.
    fn kinds() -> Vec<Self>;
    /// How long everything is left alone after a fault that lasted so long, at least.
    fn rest(_lasted: Duration) -> Duration {
        Duration::ZERO
    }
    /// Its name in the report.
    fn name(&self) -> &'static str;
    /// Breaks something, waits, and makes it whole; says when it was. All that is random is drawn
    /// before the first wait, so that the next fault does not depend on time.
    async fn make(&self, random: &mut Rng, site: &Site, deeds: &Deeds) -> anyhow::Result<Mark>;
}

/// What a fault was about.
#[derive(Default)]
pub struct Mark {
    /// If not when it was made whole: when it was over.
    end: Option<DateTime<Utc>>,
    hit: Vec<Uuid>,
    worker: Option<String>,
}

/// Is at work until `stop`, and leaves everything whole.
pub async fn run(
    seed: u64,
    site: &Site,
    deeds: &Deeds,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    // Upgrades are drawn from the seed itself.
    let servers = track::<ServerFault>(Rng::with_seed(seed ^ 1), site, deeds, stop);
    let rest = track::<OtherFault>(Rng::with_seed(seed ^ 2), site, deeds, stop);
    try_join(servers, rest).await?;
    Ok(())
}

async fn track<F: Make>(
    mut random: Rng,
    site: &Site,
    deeds: &Deeds,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut bag = Vec::new();
    while !stop.is_cancelled() {
        if bag.is_empty() {
            bag = F::kinds();
            random.shuffle(&mut bag);
        }
        let Some(fault) = bag.pop() else {
            return Ok(());
        };
        let pause = Duration::from_millis(random.u64(300..1500));
        let kind = fault.name();
        let (begin, clock) = (Utc::now(), Instant::now());
        deeds.done().now.push(kind);
        let Mark { end, hit, worker } = fault.make(&mut random, site, deeds).await?;
        let end = end.unwrap_or_else(Utc::now);
        {
            let mut done = deeds.done();
            done.now.retain(|now| *now != kind);
            done.faults.push(Fault {
                kind,
                begin,
                end,
                hit,
                worker,
            });
        }
        tokio::select! {
            () = sleep(pause + F::rest(clock.elapsed())) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

#[derive(Clone)]
enum ServerFault {
    RabbitMq(RabbitMqFault),
    Postgres(PostgresFault),
}

impl Make for ServerFault {
    fn kinds() -> Vec<Self> {
        let rabbitmq = RabbitMqFault::kinds().into_iter().map(Self::RabbitMq);
        let postgres = PostgresFault::kinds().into_iter().map(Self::Postgres);
        rabbitmq.chain(postgres).collect()
    }

    fn rest(lasted: Duration) -> Duration {
        lasted.max(Duration::from_secs(3))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::RabbitMq(fault) => fault.name(),
            Self::Postgres(fault) => fault.name(),
        }
    }

    async fn make(&self, random: &mut Rng, site: &Site, deeds: &Deeds) -> anyhow::Result<Mark> {
        match self {
            Self::RabbitMq(fault) => fault.make(random, site, deeds).await,
            Self::Postgres(fault) => fault.make(random, site, deeds).await,
        }
    }
}

#[derive(Clone)]
enum OtherFault {
    Worker(WorkerFault),
    Network(NetworkFault),
    Garbage(garbage::Burst),
}

impl Make for OtherFault {
    fn kinds() -> Vec<Self> {
        let workers = WorkerFault::kinds().into_iter().map(Self::Worker);
        let network = NetworkFault::kinds().into_iter().map(Self::Network);
        let garbage = garbage::Burst::kinds().into_iter().map(Self::Garbage);
        workers.chain(network).chain(garbage).collect()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Worker(fault) => fault.name(),
            Self::Network(fault) => fault.name(),
            Self::Garbage(fault) => fault.name(),
        }
    }

    async fn make(&self, random: &mut Rng, site: &Site, deeds: &Deeds) -> anyhow::Result<Mark> {
        match self {
            Self::Worker(fault) => fault.make(random, site, deeds).await,
            Self::Network(fault) => fault.make(random, site, deeds).await,
            Self::Garbage(fault) => fault.make(random, site, deeds).await,
        }
    }
}

/// The upgrades that a worker, or any, holds: known only if Postgres answers at once.
async fn held(site: &Site, worker: Option<&str>) -> Vec<Uuid> {
    at_once(site.records.held(worker)).await
}

async fn at_once(read: impl Future<Output = anyhow::Result<Vec<Uuid>>>) -> Vec<Uuid> {
    let read = tokio::time::timeout(Duration::from_millis(500), read).await;
    read.ok().and_then(Result::ok).unwrap_or_default()
}

/// From `from` to `to` milliseconds.
fn millis(random: &mut Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.u64(from..=to))
}
