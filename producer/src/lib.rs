//! The command line `tpvm-upgrade`: asks for TPVM upgrades as EFA does, over RabbitMQ, and shows
//! from the ledger what became of them.

mod arguments;
mod cli;
mod commands;
mod error;
mod exit;
mod file;
mod go_duration;
mod item;
mod output;
mod settings;
mod table;
mod text;

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

use crate::error::{CliError, explain};
use crate::output::Output;

pub use crate::exit::Exit;

/// Runs the command that the process arguments name, and says how it ended.
pub async fn run() -> Exit {
    let cli = arguments::read();
    start_logging();
    let mut output = Output::new(cli.global.format);
    match commands::run(cli, &mut output).await {
        Ok(exit) => exit,
        // Whoever read our output has seen enough.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            // Nothing is left to tell it to when even this fails.
            let _ = io::stderr().write_all(explain(&error).as_bytes());
            error.exit()
        }
    }
}

/// Logs go to stderr, and unless `RUST_LOG` says otherwise only errors do: what a person needs to
/// know, the commands say themselves.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(console::colors_enabled_stderr())
        .with_writer(io::stderr)
        .finish()
        .with(filter_fn(endpoint::may_log))
        .init();
}
