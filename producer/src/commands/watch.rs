//! `watch`: follows an upgrade through its states until it ends. It reads the ledger, again and
//! again, and needs nothing of RabbitMQ.

mod view;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use clap::Args;
use ledger::{Execution, HistoryRow, Ledger, LedgerError};
use schemas::Verdict;
use schemas::messages::parse_id;
use uuid::Uuid;

use self::view::View;
use super::show;
use crate::error::CliError;
use crate::exit::Exit;
use crate::item::{HistoryItem, Item};
use crate::output::Output;
use crate::settings::Settings;

const POLL: Duration = Duration::from_millis(500);
/// A restart or a failover of Postgres takes less.
const PATIENCE: Duration = Duration::from_secs(60);

const EXAMPLES: &str = "\
Ends when the upgrade does, with exit code 0 if it completed and 1 if not.
Stopping it does not stop the upgrade.
In JSON each line is one object: each state left as in `history`, and the
upgrade as in `show` at the end.

Examples:
  tpvm-upgrade watch 01926e5a-7b1c-7cc3-98c4-dc0c0c07398f
  tpvm-upgrade watch 01926e5a-7b1c-7cc3-98c4-dc0c0c07398f --format json
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// The upgrade, by its execution id
    #[arg(value_name = "EXECUTION_ID", value_parser = parse_id)]
    id: Uuid,
}

pub(crate) async fn run(
    args: WatchArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ledger = settings.ledger().await?;
    let exit = follow(&ledger, args.id, output).await?;
    ledger.close().await;
    Ok(exit)
}

/// Shows an upgrade's way until it ends.
pub(crate) async fn follow(
    ledger: &Ledger,
    id: Uuid,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let mut view = View::new(output);
    show::one(ledger, id).await?;
    let mut seen = 0;
    loop {
        let (execution, rows) = read(ledger, id, seen).await?;
        for row in rows {
            seen = row.seq;
            view.moved(execution.ip_address, HistoryItem::from(row))?;
        }
        let item = Item::from(execution);
        match item.verdict {
            None => view.standing(&item)?,
            Some(verdict) => {
                view.ended(&item)?;
                return Ok(match verdict {
                    Verdict::Succeeded => Exit::Done,
                    _ => Exit::EndedOtherwise,
                });
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The execution and the moves after the first `seen`. Waits for a Postgres that is away for a
/// moment.
async fn read(
    ledger: &Ledger,
    id: Uuid,
    seen: i32,
) -> Result<(Execution, Vec<HistoryRow>), CliError> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match try_read(ledger, id, seen).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => return Err(CliError::NotFound(format!("execution {id}"))),
            Err(error) if error.is_transient() && began.elapsed() < PATIENCE => {
                if !told {
                    let _ = writeln!(io::stderr(), "note: {error}; watching goes on");
                    told = true;
                }
                tokio::time::sleep(POLL).await;
            }
            Err(source) => {
                return Err(CliError::Ledger {
                    action: "follow the upgrade",
                    source,
                });
            }
        }
    }
}

/// Reads the execution first: the history then has all of its moves.
async fn try_read(
    ledger: &Ledger,
    id: Uuid,
    seen: i32,
) -> Result<Option<(Execution, Vec<HistoryRow>)>, LedgerError> {
    let Some(execution) = ledger.execution(id).await? else {
        return Ok(None);
    };
    if execution.seq <= seen {
        return Ok(Some((execution, Vec::new())));
    }
    let mut rows = ledger.history(id).await?;
    rows.retain(|row| row.seq > seen);
    Ok(Some((execution, rows)))
}
