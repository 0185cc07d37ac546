//! Where one worker runs: a thread of execution of its own with a clock of its own, which only
//! the driver moves, and its ledger.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use std::{io, sync::mpsc};

use ledger::{Ledger, LedgerError, LedgerOptions, Sky, StatementName, Weather};
use tokio::runtime::{Builder, Runtime};

use crate::point::Point;
use crate::schedule::What;
use crate::world::{Go, World};

/// See the module.
pub(crate) struct Bench {
    // Dropped first: it ends the thread that keeps the clock from moving by itself, and that the
    // runtime waits for at its end.
    _inhibitor: mpsc::Sender<()>,
    pub(crate) ledger: Ledger,
    rest: Arc<Rest>,
    outside: Arc<Outside>,
    runtime: Runtime,
}

impl Bench {
    /// A bench for the worker of this number.
    pub(crate) fn new(worker: usize, database_url: &str) -> anyhow::Result<Self> {
        let rest = Arc::new(Rest::default());
        let parked = Arc::clone(&rest);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .on_thread_park(move || parked.about_to_park())
            .build()?;
        // Tokio moves a paused clock on when nothing else is to do, which it takes a wait for
        // Postgres for; but not while a blocking task runs.
        let (inhibitor, dropped) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || dropped.recv());
        let outside = Arc::new(Outside {
            worker,
            world: Mutex::new(None),
            rest: Arc::clone(&rest),
        });
        let options = LedgerOptions {
            max_connections: 2,
            weather: Some(outside.clone()),
            ..LedgerOptions::default()
        };
        let ledger = runtime.block_on(Ledger::connect(database_url, &options))?;
        Ok(Self {
            runtime,
            rest,
            outside,
            ledger,
            _inhibitor: inhibitor,
        })
    }

    /// The ledger's statements belong to this schedule from now on.
    pub(crate) fn enter(&self, world: Option<World>) {
        *self.outside.lock() = world;
    }

    /// Lets everything run until nothing can go on by itself: all wait at points, or for the
    /// clock.
    pub(crate) fn run(&self) {
        self.runtime.block_on(self.rest.reached());
    }

    /// Moves the clock, and lets everything run. Whoever was let go just now sees the new time
    /// before those whose time has come.
    pub(crate) fn advance(&self, by: Duration) {
        self.runtime.block_on(async {
            tokio::time::advance(by).await;
            self.rest.reached().await;
        });
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.spawn(task)
    }
}

/// Tells when nothing can go on by itself.
#[derive(Debug, Default)]
struct Rest {
    /// Statements that Postgres has not answered yet.
    in_flight: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Rest {
    /// The runtime is about to park: it has nothing to do but for what Postgres may bring.
    fn about_to_park(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0
            && let Some(waker) = self.lock().take()
        {
            waker.wake();
        }
    }

    async fn reached(&self) {
        let mut asked = false;
        poll_fn(|context| {
            if asked && self.lock().is_none() {
                return Poll::Ready(());
            }
            asked = true;
            *self.lock() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to Postgres: a point before each statement and one after it.
#[derive(Debug)]
struct Outside {
    worker: usize,
    world: Mutex<Option<World>>,
    rest: Arc<Rest>,
}

impl Outside {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<World>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn world(&self) -> Option<World> {
        self.lock().clone()
    }
}

impl Weather for Outside {
    fn before(&self, StatementName(name): StatementName) -> Sky<'_> {
        let world = self.world();
        Box::pin(async move {
            if let Some(world) = world {
                match world.pass(self.worker, Point::Before, name).await {
                    Go::Dead | Go::Away | Go::Wrong(What::Unavailable) => return unavailable(),
                    Go::On | Go::Wrong(_) => {}
                }
            }
            self.rest.in_flight.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }

    fn after(&self, StatementName(name): StatementName) -> Sky<'_> {
        self.rest.in_flight.fetch_sub(1, Ordering::Relaxed);
        let world = self.world();
        Box::pin(async move {
            let Some(world) = world else { return Ok(()) };
            match world.pass(self.worker, Point::After, name).await {
                Go::Dead | Go::Away | Go::Wrong(What::Unanswered) => unavailable(),
                Go::On | Go::Wrong(_) => Ok(()),
            }
        })
    }
}

fn unavailable() -> Result<(), LedgerError> {
    let error = io::Error::new(io::ErrorKind::ConnectionReset, "the schedule says so");
    Err(LedgerError::Unavailable(Arc::new(sqlx::Error::Io(error))))
}
