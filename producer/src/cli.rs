//! The arguments.

use clap::{Args, Parser, Subcommand};

use crate::commands::{dead_letters, execute, history, inventory, list, show, watch};
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::SettingsArgs;

const ENVIRONMENT: &str = "\
Environment:
  DATABASE_URL         Postgres, for example postgres://user:password@host/database
  AMQP_URL             RabbitMQ, for example amqps://user:password@host/vhost
  TPVM_UPGRADE_CONFIG  as --config
  TPVM_BROKER_PREFIX   as --broker-prefix
  RUST_LOG             what to log to stderr, for example debug [default: errors only]
";

const EXAMPLES: &str = "\
Examples:
  tpvm-upgrade inventory load site.toml
  tpvm-upgrade execute --ip 10.20.246.28 --firmware-host 10.20.1.5 \\
      --tpvm-image /images/tpvm_x86_64-4.6.0-1.amd64.deb --wait
  tpvm-upgrade show --ip 10.20.246.28
  tpvm-upgrade list --unfinished --format json
  tpvm-upgrade dead-letters list
";

/// Upgrades the TPVM of SLX switches, and shows what became of it.
#[derive(Debug, Parser)]
#[command(name = "tpvm-upgrade", version, after_help = after_help())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn after_help() -> String {
    format!("{EXAMPLES}\n{}\n{ENVIRONMENT}", Exit::help())
}

/// The flags that every command has.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Tables for people, or JSON for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask for the TPVM of a device to be upgraded
    Execute(execute::ExecuteArgs),
    /// Show the latest upgrade of each device, or one upgrade
    Show(show::ShowArgs),
    /// List upgrades, newest first
    List(list::ListArgs),
    /// Show the states that an upgrade went through
    History(history::HistoryArgs),
    /// Follow an upgrade until it ends
    Watch(watch::WatchArgs),
    /// Load or show the EFA DB's deployments, devices and firmware hosts
    #[command(subcommand)]
    Inventory(inventory::InventoryCommand),
    /// Look at messages that were set aside, put them back or remove them
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Create the tables in Postgres, or bring them up to date
    Migrate,
    /// Check the settings, both connections and the tables
    Doctor,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        for (exit, meaning) in Exit::TABLE {
            assert!(
                help.contains(&format!("  {}  {meaning}\n", exit as u8)),
                "{help}"
            );
        }
    }
}
