//! `tpvm-worker-at`: the worker as `tpvm-worker` runs it, in a process that falls into a trap.
//! See [`tests::Trap`].

use anyhow::Context;
use tests::Trap;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use worker::config::Config;
use worker::worker::{Urls, run};

fn main() -> anyhow::Result<()> {
    broker::deepen_stacks()?;
    work()
}

#[tokio::main]
async fn work() -> anyhow::Result<()> {
    let trap: Trap = from_env(Trap::VARIABLE)?.parse()?;
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(EnvFilter::from_default_env());
    tracing_subscriber::registry()
        .with(trap.layer())
        .with(log)
        .init();
    let config = Config::load(Some(from_env("TPVM_WORKER_CONFIG")?.as_ref()))?;
    let urls = Urls {
        database: from_env("DATABASE_URL")?,
        amqp: from_env("AMQP_URL")?,
    };
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let worker = run(config, &urls, stop.clone());
    tokio::pin!(worker);
    tokio::select! {
        ended = &mut worker => return Ok(ended?),
        _ = terminate.recv() => stop.cancel(),
    }
    Ok(worker.await?)
}

fn from_env(name: &'static str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set in the environment"))
}
