//! Doing something with letters that were chosen before, while nobody held them.

use std::collections::HashMap;

use broker::{DeadLetter, DeadLetters};

use super::action::{Account, Became};
use super::item::Item;
use super::{next, open, unavailable};
use crate::error::CliError;
use crate::settings::Settings;

/// Has `act` do its work on those of the chosen letters that are still there, batch by batch, and
/// tells of the others that they are gone.
pub(super) async fn on_each_batch(
    chosen: Vec<Item>,
    settings: &Settings,
    account: &mut Account<'_>,
    mut act: impl AsyncFnMut(&mut DeadLetters, &[DeadLetter], &mut Account<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if chosen.is_empty() {
        return Ok(());
    }
    let mut chosen: HashMap<String, Item> = chosen
        .into_iter()
        .map(|item| (item.id.clone(), item))
        .collect();
    let mut letters = open(settings).await?;
    while let Some(mut batch) = next(&mut letters).await? {
        batch.retain(|letter| chosen.remove(&letter.id).is_some());
        act(&mut letters, &batch, account).await?;
    }
    letters.close().await.map_err(unavailable)?;
    for item in chosen.values() {
        account.tell(item, Became::Gone, None)?;
    }
    Ok(())
}
