//! The project's commands: `cargo xtask --help`.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "these commands talk to a person on a terminal"
)]

mod bite;
mod chaos;
mod check;
mod demo;
mod generate;
mod job;
mod test;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// The project's own commands. Each sets up what it needs, and takes it away again.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the tests against a private Postgres and RabbitMQ.
    Test(test::Options),
    /// Watch four upgrades side by side against simulated switches, with everything real between.
    Demo(demo::Options),
    /// Break servers, networks and workers while upgrades run, and check what is promised.
    Chaos(chaos::Options),
    /// Check format, lints, documentation, dependencies and generated files.
    Check,
    /// Break the code on purpose, in a copy, and see that the laws' tests notice.
    Bite(bite::Options),
    /// Write the generated files: schemas, documents, offline data of the SQL queries.
    Generate,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let root = job::root();
    std::env::set_current_dir(root).with_context(|| format!("can't enter {}", root.display()))?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("can't start the runtime")?
        .block_on(job::until_signal(async {
            match command {
                Command::Test(options) => test::run(&options).await,
                Command::Demo(options) => demo::run(&options).await,
                Command::Chaos(options) => chaos::run(&options).await,
                Command::Check => check::run().await,
                Command::Bite(options) => bite::run(&options).await,
                Command::Generate => generate::run().await,
            }
        }))
}
