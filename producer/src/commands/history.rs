//! `history`: the states that one upgrade went through.

use std::time::Duration;

use clap::Args;
use schemas::messages::parse_id;
use serde::Serialize;
use uuid::Uuid;

use super::show;
use crate::error::CliError;
use crate::exit::Exit;
use crate::go_duration::go_duration;
use crate::item::{HistoryItem, shown_time};
use crate::output::Output;
use crate::settings::Settings;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
  tpvm-upgrade history 01926e5a-7b1c-7cc3-98c4-dc0c0c07398f
  tpvm-upgrade history 01926e5a-7b1c-7cc3-98c4-dc0c0c07398f --format json
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// The upgrade, by its execution id
    #[arg(value_name = "EXECUTION_ID", value_parser = parse_id)]
    id: Uuid,
}

#[derive(Serialize)]
struct History {
    execution_id: Uuid,
    history: Vec<HistoryItem>,
}

pub(crate) async fn run(
    args: HistoryArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ledger = settings.ledger().await?;
    show::one(&ledger, args.id).await?;
    let rows = ledger
        .history(args.id)
        .await
        .map_err(|source| CliError::Ledger {
            action: "read the history",
            source,
        })?;
    ledger.close().await;
    let history = History {
        execution_id: args.id,
        history: rows.into_iter().map(HistoryItem::from).collect(),
    };
    output.show(&history, |shown| vec![table(&shown.history)])?;
    Ok(Exit::Done)
}

fn table(rows: &[HistoryItem]) -> Table {
    Table::new(
        "TPVM Upgrade History",
        [
            "Step",
            "State",
            "Next State",
            "Outcome",
            "Detailed Status",
            "Start Time",
            "End Time",
            "Duration",
            "Attempts",
            "Worker",
        ],
        rows.iter().map(|row| {
            [
                row.seq.to_string(),
                row.state.title().to_owned(),
                row.next_state.title().to_owned(),
                row.outcome.slug().to_owned(),
                row.detailed_status.clone(),
                shown_time(row.start_time),
                shown_time(row.end_time),
                shown_duration(row),
                row.attempts.to_string(),
                row.worker.clone(),
            ]
        }),
    )
}

/// To the millisecond: finer is noise here.
pub(crate) fn shown_duration(row: &HistoryItem) -> String {
    let millis = (row.end_time - row.start_time).num_milliseconds();
    go_duration(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}
