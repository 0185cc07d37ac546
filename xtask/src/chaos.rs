use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::Args;

use crate::job::{cargo, folder, succeed};

/// Arguments go to the chaos program as they are; `cargo xtask chaos -- --help` lists them.
#[derive(Args)]
pub struct Options {
    /// Build the programs optimized: minutes more to build, and more upgrades on the same machine.
    #[arg(long)]
    release: bool,
    /// `--seed S`, `--minutes M`, `--upgrades N`, and others.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    chaos: Vec<String>,
}

pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    services::install_missing().await?;
    // All of them, as for the tests: cargo would build dependencies anew for two alone.
    let mut build = cargo(["build", "--workspace", "--bins"]);
    let mut programs = folder();
    if options.release {
        build.arg("--release");
        programs.set_file_name("release");
    }
    succeed(build).await?;
    // It takes this one's place: signals and Ctrl-C are for it.
    let error = Command::new(programs.join("tpvm-chaos"))
        .args(&options.chaos)
        .exec();
    Err(error).context("can't run tpvm-chaos")
}
