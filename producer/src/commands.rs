//! One module for each command.

pub(crate) mod dead_letters;
mod doctor;
pub(crate) mod execute;
pub(crate) mod history;
pub(crate) mod inventory;
pub(crate) mod list;
mod migrate;
pub(crate) mod show;
pub(crate) mod watch;

use crate::cli::{Cli, Command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

/// Runs one command.
pub(crate) async fn run(cli: Cli, output: &mut Output) -> Result<Exit, CliError> {
    let settings = Settings::load(cli.global.settings)?;
    match cli.command {
        Command::Execute(args) => execute::run(args, &settings, output).await,
        Command::Show(args) => show::run(args, &settings, output).await,
        Command::List(args) => list::run(args, &settings, output).await,
        Command::History(args) => history::run(args, &settings, output).await,
        Command::Watch(args) => watch::run(args, &settings, output).await,
        Command::Inventory(command) => inventory::run(command, &settings, output).await,
        Command::DeadLetters(command) => dead_letters::run(command, &settings, output).await,
        Command::Migrate => migrate::run(&settings, output).await,
        Command::Doctor => doctor::run(&settings, output).await,
    }
}
