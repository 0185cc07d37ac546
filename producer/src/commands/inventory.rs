//! `inventory`: the EFA DB's deployments, devices and firmware hosts.

mod shown;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ledger::{InventoryCounts, LedgerError};
use schemas::inventory::Inventory;
use serde_json::json;

use crate::error::CliError;
use crate::exit::Exit;
use crate::file;
use crate::output::Output;
use crate::settings::Settings;

const LOAD_HELP: &str = "\
What the file names is added or replaced, all of it or nothing; what it does not
name stays. Passwords are names of secrets that the workers have, or encoded as
a device's running-config shows them.

Examples:
  tpvm-upgrade inventory load site.toml
  tpvm-upgrade inventory load site.json

A file in TOML:
  [[firmware_hosts]]
  ip_address = \"10.20.1.5\"
  protocol = \"scp\"
  user = \"images\"
  password_secret = \"firmware-host\"

  [[deployments]]
  name = \"site-a\"
  api_url = \"https://10.20.246.103/v1\"
  user = \"extreme\"
  password_secret = \"efa-site-a\"
  trusted_peer_secrets = [\"tpvm1-sudo\"]
  nodes = [
    { ip_address = \"10.20.246.101\", name = \"tpvm1\" },
    { ip_address = \"10.20.246.102\", name = \"tpvm2\" },
  ]

  [[deployments.devices]]
  ip_address = \"10.20.246.28\"
  name = \"leaf-1\"
  user = \"admin\"
  password_secret = \"slx-leaf-1\"
  tpvm_version = \"4.5.1\"
  tpvm_ip = \"10.20.246.102\"

  [deployments.devices.tpvm_config]
  auto_boot = true
  deploy = true
  hostname = \"tpvm2\"
  management = { ip = \"10.20.246.102/24\", gateway = \"10.20.246.1\" }
";

const SHOW_HELP: &str = "\
In JSON it has the form of a file for `inventory load`. Encoded passwords are
left out, and loading is refused, unless --with-encoded-passwords is given.

Examples:
  tpvm-upgrade inventory show
  tpvm-upgrade inventory show --format json --with-encoded-passwords > site.json
";

#[derive(Debug, Subcommand)]
pub(crate) enum InventoryCommand {
    /// Load deployments, devices and firmware hosts from a JSON or TOML file
    #[command(after_help = LOAD_HELP)]
    Load(LoadArgs),
    /// Show what is loaded
    #[command(after_help = SHOW_HELP)]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The file; its ending, .json or .toml, tells its format
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Show encoded passwords, which are as good as passwords
    #[arg(long)]
    with_encoded_passwords: bool,
}

pub(crate) async fn run(
    command: InventoryCommand,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        InventoryCommand::Load(args) => load(args, settings, output).await,
        InventoryCommand::Show(args) => show(args, settings, output).await,
    }
}

async fn load(args: LoadArgs, settings: &Settings, output: &mut Output) -> Result<Exit, CliError> {
    let inventory: Inventory = file::read(&args.file)?;
    let ledger = settings.ledger().await?;
    let counts = ledger
        .load_inventory(&inventory)
        .await
        .map_err(|source| match source {
            LedgerError::Invalid(_) => CliError::InventoryRefused {
                path: args.file,
                source,
            },
            source => CliError::Ledger {
                action: "load the inventory",
                source,
            },
        })?;
    ledger.close().await;
    let InventoryCounts {
        deployments,
        nodes,
        devices,
        tpvm_configs,
        firmware_hosts,
    } = counts;
    let loaded = json!({
        "deployments": deployments,
        "nodes": nodes,
        "devices": devices,
        "tpvm_configs": tpvm_configs,
        "firmware_hosts": firmware_hosts,
    });
    output.say(&loaded, |_| {
        format!(
            "Inventory Load [success]\n{deployments} deployments, {nodes} EFA nodes, {devices} \
             devices, {tpvm_configs} TPVM configurations, {firmware_hosts} firmware hosts"
        )
    })?;
    Ok(Exit::Done)
}

async fn show(args: ShowArgs, settings: &Settings, output: &mut Output) -> Result<Exit, CliError> {
    let ledger = settings.ledger().await?;
    let inventory = ledger
        .inventory()
        .await
        .map_err(|source| CliError::Ledger {
            action: "read the inventory",
            source,
        })?;
    ledger.close().await;
    let shown = shown::json(&inventory, args.with_encoded_passwords)?;
    output.show(&shown, |_| {
        shown::tables(&inventory, args.with_encoded_passwords)
    })?;
    Ok(Exit::Done)
}
