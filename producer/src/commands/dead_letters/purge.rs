//! `dead-letters purge`: removes dead letters for good.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};

use clap::Args;

use super::action::{Account, Became};
use super::item::{self, Item};
use super::selection::Selection;
use super::{IDS, next, note, open, unavailable};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

const EXAMPLES: &str = "\
What is chosen is shown before anything is removed. Then a person is asked;
where nobody can be asked, --yes is needed. `show --format json` keeps all of a
letter beforehand.
In JSON each line is one object: a letter, and what became of it.

Examples:
  tpvm-upgrade dead-letters purge 3fa94c01b2de
  tpvm-upgrade dead-letters purge --reason \"not a valid step\" --dry-run
  tpvm-upgrade dead-letters purge --all --yes
";

#[derive(Debug, Args)]
#[command(after_help = format!("{IDS}{EXAMPLES}"))]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    selection: Selection,
    /// Remove without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(
    args: PurgeArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !args.dry_run && !can_ask {
        return Err(CliError::Unconfirmed);
    }
    let chosen = args.selection.choose(settings).await?;
    if args.dry_run {
        let mut account = Account::new(output);
        for item in &chosen {
            account.tell(item, Became::Selected, None)?;
        }
        return account.finish("Dead Letters Purge, dry run");
    }
    if !output.is_json() {
        output.tables(&[item::table(&chosen)])?;
    }
    // Nothing is held meanwhile: a person may take long.
    if !args.yes && !chosen.is_empty() && !confirmed(chosen.len())? {
        note("nothing is removed");
        return Ok(Exit::EndedOtherwise);
    }
    let mut account = Account::new(output);
    if !chosen.is_empty() {
        purge(chosen, settings, &mut account).await?;
    }
    account.finish("Dead Letters Purge")
}

async fn purge(
    chosen: Vec<Item>,
    settings: &Settings,
    account: &mut Account<'_>,
) -> Result<(), CliError> {
    let mut chosen: HashMap<String, Item> = chosen
        .into_iter()
        .map(|item| (item.id.clone(), item))
        .collect();
    let mut letters = open(settings).await?;
    while let Some(batch) = next(&mut letters).await? {
        for letter in batch {
            if let Some(item) = chosen.remove(&letter.id) {
                letters.remove(&letter).await.map_err(unavailable)?;
                account.tell(&item, Became::Purged, None)?;
            }
        }
    }
    letters.close().await.map_err(unavailable)?;
    for item in chosen.values() {
        account.tell(item, Became::Gone, None)?;
    }
    Ok(())
}

fn confirmed(count: usize) -> Result<bool, CliError> {
    let mut stderr = io::stderr();
    write!(stderr, "Remove {count} dead letters for good? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
