//! `tpvm-upgrade`: see the crate's documentation, or `tpvm-upgrade --help`.

use std::process::ExitCode;

use anyhow::Context;

fn main() -> anyhow::Result<ExitCode> {
    broker::deepen_stacks().context("can't start anew with deeper stacks")?;
    Ok(run())
}

#[tokio::main]
async fn run() -> ExitCode {
    producer::run().await
}
