//! Four upgrades side by side, with everything that takes part in them.

mod cases;
mod simulator;
mod site;
mod steps;
mod workers;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use services::Stack;

use self::site::Site;
use self::workers::Workers;
use crate::job::build_programs;

/// What the demo is asked for.
#[derive(Args)]
pub struct Options {
    /// Afterwards, keep everything running until Ctrl-C and say how to reach it.
    #[arg(long)]
    keep: bool,
    /// All the while, kill (-9) every worker again and again and start new ones.
    #[arg(long)]
    kill_workers: bool,
}

pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    services::install_missing().await?;
    title("building the programs");
    build_programs().await?;
    let built = begin.elapsed();

    title("starting Postgres, RabbitMQ, four simulated EFA deployments and two workers");
    let stack = Stack::start().await?;
    let site = Site::start(&stack).await?;
    let mut workers = Workers::start(site.dir(), site.access()).await?;

    title("upgrading four TPVMs at once");
    let upgrading = Instant::now();
    let executions = steps::execute_all(&site).await?;
    let watched = tokio::select! {
        watched = steps::watch_all(&site, &executions) => watched,
        killing = workers.kill_and_replace(), if options.kill_workers => killing,
    };
    let upgraded = upgrading.elapsed();

    title("how they ended");
    let as_expected = steps::report(&site, &executions).await?;
    println!(
        "\nbuilt in {built:.0?}, upgraded in {upgraded:.0?}, {:.0?} in all",
        begin.elapsed()
    );
    if !as_expected {
        workers.show_logs();
    }
    watched?;
    if options.keep {
        site.tell_how_to_reach()?;
        std::future::pending::<()>().await;
    }
    workers.stop().await?;
    site.stop().await?;
    stack.stop().await?;
    if !as_expected {
        bail!("not every upgrade ended as the workflow says");
    }
    Ok(ExitCode::SUCCESS)
}

fn title(text: &str) {
    println!("\n== {text}");
}
