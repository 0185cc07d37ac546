//! `dead-letters`: the messages that were set aside, because no worker could read them or because
//! none ever finished them.

mod action;
mod chosen;
mod item;
mod list;
mod purge;
mod redrive;
mod selection;
mod show;

use std::io::{self, Write};
use std::time::Duration;

use broker::{DeadLetter, DeadLetters};
use clap::Subcommand;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

/// How long to wait for somebody else who is looking. One look takes seconds at most; a machine
/// that died is noticed within half of this.
const PATIENCE: Duration = Duration::from_secs(40);

const IDS: &str = "\
Each letter has an id, made from all that it holds, which is the same at each
look. Letters that are alike in everything are numbered: the second has -2.
";

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List the dead letters, oldest first
    List(list::ListArgs),
    /// Show one dead letter with all that it holds, and what to do about it
    Show(show::ShowArgs),
    /// Put dead letters back into the queues that they came from
    Redrive(redrive::RedriveArgs),
    /// Remove dead letters for good
    Purge(purge::PurgeArgs),
}

pub(crate) async fn run(
    command: DeadLettersCommand,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        DeadLettersCommand::List(args) => list::run(args, settings, output).await,
        DeadLettersCommand::Show(args) => show::run(args, settings, output).await,
        DeadLettersCommand::Redrive(args) => redrive::run(args, settings, output).await,
        DeadLettersCommand::Purge(args) => purge::run(args, settings, output).await,
    }
}

/// Shows every letter to `see`, oldest first, and leaves all of them where they are. Says so
/// where there are others that can't be seen.
async fn look(settings: &Settings, mut see: impl FnMut(DeadLetter)) -> Result<(), CliError> {
    let mut letters = open(settings).await?;
    while let Some(batch) = next(&mut letters).await? {
        batch.into_iter().for_each(&mut see);
    }
    let cut = letters.is_cut();
    let others = letters.close().await.map_err(unavailable)?;
    if others > 0 {
        note(&format!(
            "{others} other consumers take messages from the dead letters' queue; what they hold \
             is not seen"
        ));
    }
    if cut {
        note("there may be more: only the oldest are looked at");
    }
    Ok(())
}

async fn open(settings: &Settings) -> Result<DeadLetters, CliError> {
    let opened = DeadLetters::open(&settings.broker()?, PATIENCE).await;
    opened.map_err(unavailable)
}

/// The next letters, if there are more.
async fn next(letters: &mut DeadLetters) -> Result<Option<Vec<DeadLetter>>, CliError> {
    let batch = letters.next().await.map_err(unavailable)?;
    Ok(Some(batch).filter(|batch| !batch.is_empty()))
}

fn unavailable(source: broker::BrokerError) -> CliError {
    CliError::Broker {
        action: "look at the dead letters",
        source,
    }
}

fn note(text: &str) {
    // Nothing is left to tell it to when even this fails.
    let _ = writeln!(io::stderr(), "note: {text}");
}
