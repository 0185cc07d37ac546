//! `tpvm-chaos`: thousands of upgrades on real servers, while a monkey breaks what can break.
#![expect(
    clippy::print_stderr,
    reason = "the command talks to a person on a terminal"
)]

use std::process::ExitCode;

use anyhow::Context;
use chaos::Options;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<ExitCode> {
    broker::deepen_stacks().context("can't start anew with deeper stacks")?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("can't start the runtime")?
        .block_on(unless_stopped(chaos::run(options)))
}

/// Does the work, unless Ctrl-C or SIGTERM comes first: then it is dropped, and whatever it
/// started ends with it.
async fn unless_stopped(
    work: impl Future<Output = anyhow::Result<bool>>,
) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen to signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen to signals")?;
    tokio::select! {
        sound = work => Ok(if sound? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        // What a shell reports for a program that these signals ended.
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}
