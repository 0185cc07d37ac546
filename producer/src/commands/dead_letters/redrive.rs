//! `dead-letters redrive`: puts dead letters back into the queues that they came from.

use broker::{DeadLetter, DeadLetters, PublishError, Publisher, RedriveError};
use clap::Args;

use super::action::{Account, Became};
use super::chosen::on_each_batch;
use super::item::Item;
use super::selection::Selection;
use super::{IDS, unavailable};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

const EXAMPLES: &str = "\
A letter goes back as it was first published: without a count of its deliveries,
its deaths or its reason. It is removed here once its queue has it, so nothing is
lost on the way; a message that is doubled is carried out once. First mend what
the letter's reason names, or it comes back.
In JSON each line is one object: a letter, and what became of it.

Examples:
  tpvm-upgrade dead-letters redrive 3fa94c01b2de
  tpvm-upgrade dead-letters redrive --queue requests --dry-run
  tpvm-upgrade dead-letters redrive --all
";

#[derive(Debug, Args)]
#[command(after_help = format!("{IDS}{EXAMPLES}"))]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    selection: Selection,
    /// Only show what would be redriven
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(
    args: RedriveArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let chosen = args.selection.choose(settings).await?;
    let mut account = Account::new(output);
    if args.dry_run {
        for item in &chosen {
            match item.not_redrivable.as_deref() {
                None => account.tell(item, Became::Selected, None)?,
                refusal => account.tell(item, Became::Refused, refusal)?,
            }
        }
        return account.finish("Dead Letters Redrive, dry run");
    }
    let publisher = Publisher::start(settings.broker()?);
    let put_back =
        async |letters: &mut DeadLetters, batch: &[DeadLetter], account: &mut Account<'_>| {
            put_back(letters, &publisher, batch, account).await
        };
    on_each_batch(chosen, settings, &mut account, put_back).await?;
    publisher.close().await;
    account.finish("Dead Letters Redrive")
}

async fn put_back(
    letters: &mut DeadLetters,
    publisher: &Publisher,
    batch: &[DeadLetter],
    account: &mut Account<'_>,
) -> Result<(), CliError> {
    let mut stopped = None;
    let results = letters.redrive(publisher, batch).await;
    for (letter, result) in batch.iter().zip(results) {
        let item = Item::new(letter);
        let problem = result.as_ref().err().map(|error| chain(error));
        let became = match &result {
            Ok(()) => Became::Redriven,
            Err(RedriveError::NoWayBack(_)) => Became::Refused,
            Err(RedriveError::Publish(_) | RedriveError::Kept(_)) => Became::Failed,
        };
        account.tell(&item, became, problem.as_deref())?;
        match result {
            // This letter's queue alone.
            Err(RedriveError::Publish(
                PublishError::Unroutable { .. } | PublishError::NameTooLong { .. },
            )) => {}
            // The rest would fare no better.
            Err(RedriveError::Publish(error)) => {
                stopped = Some(CliError::RedriveStopped(error));
            }
            Err(RedriveError::Kept(error)) => stopped = Some(unavailable(error)),
            _ => {}
        }
    }
    stopped.map_or(Ok(()), Err)
}
