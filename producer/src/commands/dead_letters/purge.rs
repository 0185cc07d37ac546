//! `dead-letters purge`: removes dead letters for good.

use std::io::{self, IsTerminal, Write};

use broker::{DeadLetter, DeadLetters};
use clap::Args;

use super::action::{Account, Became};
use super::chosen::on_each_batch;
use super::item::{self, Item};
use super::selection::Selection;
use super::{IDS, note, unavailable};
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
    on_each_batch(chosen, settings, &mut account, remove).await?;
    account.finish("Dead Letters Purge")
}

async fn remove(
    letters: &mut DeadLetters,
    batch: &[DeadLetter],
    account: &mut Account<'_>,
) -> Result<(), CliError> {
    for letter in batch {
        letters.remove(letter).await.map_err(unavailable)?;
        account.tell(&Item::new(letter), Became::Purged, None)?;
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
