//! `dead-letters list`: the dead letters in brief.

use clap::Args;
use serde::Serialize;

use super::item::{self, Item};
use super::selection::Filters;
use super::{IDS, look, note};
use crate::arguments::count;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::settings::Settings;

const EXAMPLES: &str = "\
Looking changes nothing: each letter stays where it is. Whoever looks at the
same time waits until the other is done.

Examples:
  tpvm-upgrade dead-letters list
  tpvm-upgrade dead-letters list --queue requests --reason version
  tpvm-upgrade dead-letters list --limit 1000 --format json
";

#[derive(Debug, Args)]
#[command(after_help = format!("{IDS}{EXAMPLES}"))]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filters: Filters,
    /// Show so many at most, the oldest
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = count)]
    limit: u32,
}

#[derive(Serialize)]
struct List {
    /// Of all there are.
    total: usize,
    /// Of those that the filters admit, shown or not.
    matching: usize,
    items: Vec<Item>,
}

pub(crate) async fn run(
    args: ListArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let names = settings.broker()?.names;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut list = List {
        total: 0,
        matching: 0,
        items: Vec::new(),
    };
    look(settings, |letter| {
        let item = Item::new(&letter);
        list.total += 1;
        if args.filters.admit(&item, &names) {
            list.matching += 1;
            if list.items.len() < limit {
                list.items.push(item);
            }
        }
    })
    .await?;
    output.show(&list, |list| vec![item::table(&list.items)])?;
    if list.matching > limit {
        note(&format!(
            "there are {} of them; --limit shows more than the oldest {limit}",
            list.matching
        ));
    }
    Ok(Exit::Done)
}
