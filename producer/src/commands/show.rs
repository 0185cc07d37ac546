//! `show`: how upgrades stand, in full.

use std::collections::HashSet;
use std::net::IpAddr;

use clap::Args;
use ledger::{Execution, Filter, Ledger, LedgerError};
use schemas::messages::parse_id;
use schemas::values::address;
use uuid::Uuid;

use super::list::{Found, Limit, all};
use crate::error::CliError;
use crate::exit::Exit;
use crate::item::{Item, Items, shown_time};
use crate::output::Output;
use crate::settings::Settings;
use crate::table::Table;

const EXAMPLES: &str = "\
Without --ip or --execution-id it shows the latest upgrade of every device.
One upgrade (one --ip, or --execution-id) has its history in JSON.

Examples:
  tpvm-upgrade show
  tpvm-upgrade show --ip 10.20.246.28,10.20.246.29
  tpvm-upgrade show --execution-id 01926e5a-7b1c-7cc3-98c4-dc0c0c07398f --format json
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShowArgs {
    /// Only the latest upgrade of these devices, separated by commas
    #[arg(
        long,
        value_name = "IP",
        value_parser = address,
        value_delimiter = ',',
        conflicts_with = "execution_id"
    )]
    ip: Vec<IpAddr>,
    /// Only this upgrade
    #[arg(long, value_name = "UUID", value_parser = parse_id)]
    execution_id: Option<Uuid>,
    #[command(flatten)]
    limit: Limit,
}

pub(crate) async fn run(
    args: ShowArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ledger = settings.ledger().await?;
    let executions = match args.execution_id {
        Some(id) => vec![Ok(one(&ledger, id).await?)],
        None if args.ip.is_empty() => latest_of_each(&ledger, &args.limit).await?,
        None => latest_of(&ledger, &args.ip).await?,
    };
    let asked_for_one = args.execution_id.is_some() || args.ip.len() == 1;
    let mut items = Vec::with_capacity(executions.len());
    for execution in executions {
        let item = match execution {
            Ok(execution) => with_history(&ledger, execution).await?,
            Err(unreadable) => Err(unreadable),
        };
        items.push(item.map(|mut item| {
            item.history = item.history.filter(|_| asked_for_one);
            item
        }));
    }
    ledger.close().await;
    let shape = |items: &[Item]| match asked_for_one {
        true => table(items).in_lines(),
        false => table(items),
    };
    output.show(&Items::new(items), |shown| shown.tables(shape))?;
    Ok(Exit::Done)
}

/// One execution, which must exist.
pub(crate) async fn one(ledger: &Ledger, id: Uuid) -> Result<Execution, CliError> {
    let found = ledger
        .execution(id)
        .await
        .map_err(|source| CliError::Ledger {
            action: "read the execution",
            source,
        })?;
    found.ok_or_else(|| CliError::NotFound(format!("execution {id}")))
}

async fn with_history(
    ledger: &Ledger,
    execution: Execution,
) -> Result<Result<Item, LedgerError>, CliError> {
    match ledger.history(execution.id).await {
        Ok(rows) => Ok(Ok(Item::with_history(execution, rows))),
        Err(unreadable @ LedgerError::Undecodable { .. }) => Ok(Err(unreadable)),
        Err(source) => Err(CliError::Ledger {
            action: "read the history",
            source,
        }),
    }
}

async fn latest_of(ledger: &Ledger, ips: &[IpAddr]) -> Result<Vec<Found>, CliError> {
    let mut found = Vec::new();
    for &ip in ips {
        let filter = Filter {
            ip_address: Some(ip),
            unfinished_only: false,
            limit: 1,
        };
        let latest = all(ledger, &filter).await?.into_iter().next();
        found
            .push(latest.ok_or_else(|| CliError::NotFound(format!("upgrade of the device {ip}")))?);
    }
    Ok(found)
}

async fn latest_of_each(ledger: &Ledger, limit: &Limit) -> Result<Vec<Found>, CliError> {
    let mut executions = limit.executions(ledger, None, false).await?;
    let mut seen = HashSet::new();
    executions.retain(|found| {
        let readable = found.as_ref();
        readable.map_or(true, |execution| seen.insert(execution.ip_address))
    });
    Ok(executions)
}

/// The vendor's columns, then ours.
pub(crate) fn table(items: &[Item]) -> Table {
    Table::new(
        "TPVM Upgrade Details",
        [
            "IP Address",
            "Host Name",
            "Model",
            "Chassis Name",
            "Target TPVM Version",
            "Update State",
            "Status",
            "Detailed Status",
            "Failed State",
            "Upgrade Type",
            "Start Time",
            "Last Update Time",
            "Execution ID",
            "Verdict",
        ],
        items.iter().map(|item| {
            let switch = &item.switch_data;
            [
                switch.ip_address.to_string(),
                switch.name.clone(),
                switch.model.clone(),
                switch.chassis_name.clone(),
                item.target_tpvm_version.clone(),
                item.update_state.to_string(),
                item.status.clone(),
                item.detailed_status.clone(),
                item.failed_state.clone(),
                item.upgrade_type.clone(),
                shown_time(item.start_time),
                shown_time(item.last_update_time),
                item.id.to_string(),
                item.verdict
                    .map_or_else(String::new, |verdict| verdict.to_string()),
            ]
        }),
    )
}
