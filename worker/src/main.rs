//! `tpvm-worker`: carries TPVM upgrades from state to state.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use worker::config::{Config, LogFormat};
use worker::worker::{Urls, alive, check, migrate, run};

/// Carries TPVM upgrades from state to state.
///
/// Postgres and RabbitMQ are given by DATABASE_URL and AMQP_URL in the environment. SIGTERM and
/// SIGINT drain: the worker consumes nothing more, finishes or hands back what it holds, and
/// ends within `worker.drain_timeout`. A second signal ends it at once.
#[derive(Parser)]
#[command(name = "tpvm-worker", version, after_help = EXAMPLES)]
struct Cli {
    /// The configuration file; without one, everything has its default.
    #[arg(long, global = true, env = "TPVM_WORKER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration and the files that it names, then exit.
    #[arg(long)]
    check_config: bool,
    /// Apply the database migrations that are missing, then exit.
    #[arg(long)]
    migrate: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Exit with 0 if the worker of this configuration is alive, by its heartbeat file.
    Health,
}

const EXAMPLES: &str = "\
Examples:
  tpvm-worker --config worker.toml --check-config
  DATABASE_URL=… AMQP_URL=… tpvm-worker --migrate
  DATABASE_URL=… AMQP_URL=… tpvm-worker --config worker.toml";

fn main() -> anyhow::Result<ExitCode> {
    broker::deepen_stacks().context("can't start anew with deeper stacks")?;
    work(Cli::parse())
}

#[tokio::main]
async fn work(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = Config::load(cli.config.as_deref())?;
    start_log(&config);
    if let Some(Command::Health) = cli.command {
        let file = config.worker.heartbeat_file.as_deref();
        let file = file.context("worker.heartbeat_file is not set: nothing tells of the health")?;
        return Ok(if alive(file, &config) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    check(&config)?;
    if cli.check_config {
        info!("the configuration is valid");
        return Ok(ExitCode::SUCCESS);
    }
    let database = from_env("DATABASE_URL")?;
    if cli.migrate {
        migrate(&config, &database).await?;
        info!("the database has all migrations");
        return Ok(ExitCode::SUCCESS);
    }
    let urls = Urls {
        database,
        amqp: from_env("AMQP_URL")?,
    };
    run(config, &urls, stop_on_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}

fn from_env(name: &'static str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set in the environment"))
}

fn start_log(config: &Config) {
    // What matters of lapin's reaches us as errors; its own lines would show message bodies.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,lapin=off"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Cancelled by the first SIGTERM or SIGINT; the second ends the process at once.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    const INTERRUPTED: i32 = 130;
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let first = stop.clone();
    // Owned by the process: it has to outlive everything else that runs.
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first.is_cancelled() {
                warn!("second signal: ending at once");
                std::process::exit(INTERRUPTED);
            }
            info!("signal received: draining");
            first.cancel();
        }
    });
    Ok(stop)
}
