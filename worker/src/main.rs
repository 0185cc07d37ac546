//! `tpvm-worker`: carries TPVM upgrades from state to state.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use worker::check::{self, one_line, problems, start_failure};
use worker::config::{Config, LogFormat};
use worker::worker::{StartError, Urls, alive, check, migrate, run};

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
  DATABASE_URL=… AMQP_URL=… tpvm-worker --config worker.toml

Exit codes:
  0  done, or drained after a signal
  1  not alive (health), or a part of the worker failed
  2  the arguments, the configuration, a file or a URL can't be used
  5  Postgres or RabbitMQ can't be reached or used";

/// The configuration, a file that it names, or a URL can't be used.
const UNUSABLE: u8 = 2;
/// Postgres or RabbitMQ can't be reached or used.
const UNAVAILABLE: u8 = 5;

/// Why the program ends: one line, and the exit code.
struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    fn new(code: u8, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, code }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = match &error {
            StartError::Dialect(_) | StartError::Efa(_) | StartError::MinimumVersion => UNUSABLE,
            StartError::Ledger(ledger::LedgerError::Invalid(_)) => UNUSABLE,
            StartError::Ledger(_) => UNAVAILABLE,
            StartError::Ended { .. } => 1,
            StartError::Broker(error) => match &**error {
                broker::BrokerError::InvalidUrl { .. }
                | broker::BrokerError::InvalidPrefix { .. }
                | broker::BrokerError::NameTooLong { .. } => UNUSABLE,
                broker::BrokerError::Ended { .. } => 1,
                _ => UNAVAILABLE,
            },
        };
        Failure::new(code, start_failure(&error))
    }
}

fn main() -> ExitCode {
    let ended = match broker::deepen_stacks() {
        Ok(()) => match Cli::try_parse() {
            Ok(cli) => work(cli),
            Err(error) => not_understood(&error),
        },
        Err(error) => Err(Failure::new(
            1,
            format!("can't start anew with deeper stacks: {error}"),
        )),
    };
    ended.unwrap_or_else(|failure| {
        // Nothing is left to tell it to when even this fails.
        let _ = writeln!(io::stderr(), "error: {}", endpoint::quotable(&failure.text));
        ExitCode::from(failure.code)
    })
}

/// Help that was asked for, or arguments that can't be used. They may hold anything.
fn not_understood(error: &clap::Error) -> Result<ExitCode, Failure> {
    let text = error.render().to_string();
    let shown = endpoint::quotable(&text);
    if shown == text || !error.use_stderr() {
        error.exit();
    }
    let _ = io::stderr().write_all(shown.as_bytes());
    Ok(ExitCode::from(UNUSABLE))
}

#[tokio::main]
async fn work(cli: Cli) -> Result<ExitCode, Failure> {
    if cli.check_config {
        return Ok(check_config(&cli));
    }
    let config = Config::load(cli.config.as_deref())
        .map_err(|error| Failure::new(UNUSABLE, one_line(&error)))?;
    start_log(&config);
    if let Some(Command::Health) = cli.command {
        let file = config.worker.heartbeat_file.as_deref();
        let file = file.ok_or_else(|| {
            let text = "worker.heartbeat_file is not set, so nothing tells of the health; set it \
                        in the configuration file";
            Failure::new(UNUSABLE, text)
        })?;
        return Ok(if alive(file, &config) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    check(&config)?;
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
    let stop = stop_on_signal()
        .map_err(|error| Failure::new(1, format!("can't wait for signals: {error}")))?;
    run(config, &urls, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Tells all problems, or that there is none.
fn check_config(cli: &Cli) -> ExitCode {
    let urls = check::Urls {
        database: from_env("DATABASE_URL").ok(),
        amqp: from_env("AMQP_URL").ok(),
    };
    let problems = problems(cli.config.as_deref(), &urls);
    // Whoever reads neither has seen enough.
    if problems.is_empty() {
        let _ = writeln!(io::stdout(), "the configuration is valid");
        return ExitCode::SUCCESS;
    }
    for problem in problems {
        let _ = writeln!(io::stderr(), "error: {}", endpoint::quotable(&problem));
    }
    ExitCode::from(UNUSABLE)
}

fn from_env(name: &'static str) -> Result<String, Failure> {
    match std::env::var(name) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::new(
            UNUSABLE,
            format!("{name} is not text in UTF-8; percent-encode what is not ASCII"),
        )),
        _ => Err(Failure::new(
            UNUSABLE,
            format!("{name} is not set; set it in the environment"),
        )),
    }
}

fn start_log(config: &Config) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for terminals, and only for those who want them.
        .with_ansi(io::stderr().is_terminal() && !no_color())
        .with_writer(io::stderr);
    match config.log.format {
        LogFormat::Text => log.finish().with(filter_fn(endpoint::may_log)).init(),
        LogFormat::Json => log
            .json()
            .finish()
            .with(filter_fn(endpoint::may_log))
            .init(),
    }
}

/// <https://no-color.org>: set to anything, and not empty.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Cancelled by the first SIGTERM or SIGINT; the second ends the process at once.
fn stop_on_signal() -> io::Result<CancellationToken> {
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
