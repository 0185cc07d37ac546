//! `list`: upgrades in brief, newest first.

use std::io::{self, Write};
use std::net::IpAddr;

use clap::Args;
use ledger::{Execution, Filter, Ledger, LedgerError};
use schemas::values::address;

use crate::arguments::count;
use crate::error::CliError;
use crate::exit::Exit;
use crate::item::{Item, Items, shown_time};
use crate::output::Output;
use crate::settings::Settings;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
  tpvm-upgrade list
  tpvm-upgrade list --unfinished
  tpvm-upgrade list --ip 10.20.246.28 --limit 1000 --format json
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only upgrades that have not ended
    #[arg(long)]
    unfinished: bool,
    /// Only upgrades of this device
    #[arg(long, value_parser = address)]
    ip: Option<IpAddr>,
    #[command(flatten)]
    limit: Limit,
}

/// How far back to look.
#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// Look at so many upgrades at most, the newest
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = count)]
    limit: u32,
}

pub(crate) async fn run(
    args: ListArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ledger = settings.ledger().await?;
    let executions = args
        .limit
        .executions(&ledger, args.ip, args.unfinished)
        .await?;
    ledger.close().await;
    let items = executions.into_iter().map(|found| found.map(Item::from));
    output.show(&Items::new(items.collect()), |shown| shown.tables(table))?;
    Ok(Exit::Done)
}

impl Limit {
    /// The newest executions, each by itself readable or not; says so where there are more.
    pub(crate) async fn executions(
        &self,
        ledger: &Ledger,
        ip_address: Option<IpAddr>,
        unfinished_only: bool,
    ) -> Result<Vec<Found>, CliError> {
        let filter = Filter {
            ip_address,
            unfinished_only,
            limit: i64::from(self.limit) + 1,
        };
        let mut executions = all(ledger, &filter).await?;
        if executions.len() > self.limit as usize {
            executions.pop();
            let _ = writeln!(
                io::stderr(),
                "note: there are more than the newest {}; --limit looks further back",
                self.limit
            );
        }
        Ok(executions)
    }
}

/// One upgrade, or why it can't be read.
pub(crate) type Found = Result<Execution, LedgerError>;

pub(crate) async fn all(ledger: &Ledger, filter: &Filter) -> Result<Vec<Found>, CliError> {
    ledger
        .executions(filter)
        .await
        .map_err(|source| CliError::Ledger {
            action: "read the executions",
            source,
        })
}

fn table(items: &[Item]) -> Table {
    Table::new(
        "TPVM Upgrade List",
        [
            "Execution ID",
            "IP Address",
            "Host Name",
            "Update State",
            "Status",
            "Verdict",
            "Start Time",
            "Last Update Time",
        ],
        items.iter().map(|item| {
            [
                item.id.to_string(),
                item.switch_data.ip_address.to_string(),
                item.switch_data.name.clone(),
                item.update_state.to_string(),
                item.status.clone(),
                item.verdict
                    .map_or_else(String::new, |verdict| verdict.to_string()),
                shown_time(item.start_time),
                shown_time(item.last_update_time),
            ]
        }),
    )
}
