use std::process::ExitCode;

use clap::Args;
use services::Stack;

use crate::job::{self, build_programs, cargo};

/// Arguments go to `cargo test` as they are: `cargo xtask test -p ledger claim -- --nocapture`.
#[derive(Args)]
pub struct Options {
    /// For cargo, such as `-p ledger` or a test's name. Without `-p`: all packages.
    #[arg(allow_hyphen_values = true)]
    cargo: Vec<String>,
    /// For the tests.
    #[arg(last = true)]
    tests: Vec<String>,
}

pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    services::install_missing().await?;
    services::install_ssh_server().await?;
    if options.needs_programs() {
        services::install_python_client().await?;
        services::install_faketime().await?;
        build_programs().await?;
    }
    let stack = Stack::start_with_tls().await?;
    let mut command = cargo(options.cargo_arguments());
    command
        .envs(stack.environment())
        // What a test can't clean up, since it was killed, goes with the rest.
        .env("TMPDIR", stack.dir());
    let status = job::run(command).await;
    stack.stop().await?;
    let code = status?.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

impl Options {
    fn cargo_arguments(&self) -> Vec<&str> {
        // One run says all that fails.
        let mut arguments = vec!["test", "--no-fail-fast"];
        if !self.selects_packages() {
            arguments.push("--workspace");
        }
        arguments.extend(self.cargo.iter().map(String::as_str));
        if !self.tests.is_empty() {
            arguments.push("--");
            arguments.extend(self.tests.iter().map(String::as_str));
        }
        arguments
    }

    fn selects_packages(&self) -> bool {
        self.cargo
            .iter()
            .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
    }

    /// The end to end tests, in the package `tests`, start the programs of the other packages,
    /// which cargo doesn't build for them.
    fn needs_programs(&self) -> bool {
        let named = |argument: &String| {
            let name = argument.trim_start_matches("--package=");
            name.trim_start_matches("-p") == "tests"
        };
        !self.selects_packages() || self.cargo.iter().any(named)
    }
}
