//! `tpvm-simulator`: simulated SLX switches and EFA deployments.

mod options;

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser as _;
use simulator::Simulator;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

use crate::options::Options;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .finish()
        // What libraries say below the level of information holds the bytes of logins.
        .with(filter_fn(|line| {
            *line.level() <= Level::INFO || line.target().starts_with("simulator")
        }))
        .init();
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;

    let simulator = Simulator::start(options.fleet()?, options.settings()).await?;
    options.write(&simulator)?;
    writeln!(
        std::io::stdout(),
        "ready control={}",
        simulator.control_url()
    )
    .context("can't write to standard output")?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}
