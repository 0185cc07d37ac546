//! Which dead letters are meant.

use std::collections::HashSet;
use std::str::FromStr;

use clap::{ArgGroup, Args};
use schemas::Names;
use schemas::messages::parse_id;
use uuid::Uuid;

use super::item::Item;
use super::look;
use crate::error::CliError;
use crate::settings::Settings;

/// What a letter must have to be meant: all that is given.
#[derive(Debug, Args)]
pub(crate) struct Filters {
    /// Only those that came from this queue; the prefix of its name may be left out
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Only those of this upgrade
    #[arg(long, value_name = "UUID", value_parser = parse_id)]
    execution_id: Option<Uuid>,
    /// Only those of this request
    #[arg(long, value_name = "UUID", value_parser = parse_id)]
    request_id: Option<Uuid>,
    /// Only those with this text in their reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Filters {
    pub(super) fn admit(&self, item: &Item, names: &Names) -> bool {
        let from = |wanted: &String| {
            let ours = format!("{}.{wanted}", names.commands_exchange());
            item.queue == Some(ours) || item.queue.as_ref() == Some(wanted)
        };
        self.queue.as_ref().is_none_or(from)
            && (self.execution_id.is_none() || self.execution_id == item.execution_id)
            && (self.request_id.is_none() || self.request_id == item.request_id)
            && self
                .reason
                .as_ref()
                .is_none_or(|text| item.reason.contains(text))
    }
}

/// An explicit choice, for commands that change something.
#[derive(Debug, Args)]
#[command(group(
    ArgGroup::new("selection")
        .required(true)
        .multiple(true)
        .args(["ids", "all", "queue", "execution_id", "request_id", "reason"])
))]
pub(crate) struct Selection {
    /// These dead letters
    #[arg(
        value_name = "ID",
        conflicts_with_all = ["all", "queue", "execution_id", "request_id", "reason"]
    )]
    ids: Vec<LetterId>,
    /// Every dead letter
    #[arg(long, conflicts_with_all = ["queue", "execution_id", "request_id", "reason"])]
    all: bool,
    #[command(flatten)]
    filters: Filters,
}

impl Selection {
    /// The letters that are meant, oldest first. Each one that is named must be there.
    pub(super) async fn choose(&self, settings: &Settings) -> Result<Vec<Item>, CliError> {
        let names = settings.broker()?.names;
        let mut missing: HashSet<&str> = self.ids.iter().map(|id| id.0.as_str()).collect();
        let mut chosen = Vec::new();
        look(settings, |letter| {
            let item = Item::new(&letter);
            let meant = match self.ids.is_empty() {
                true => self.filters.admit(&item, &names),
                false => missing.remove(item.id.as_str()),
            };
            if meant {
                chosen.push(item);
            }
        })
        .await?;
        if missing.is_empty() {
            return Ok(chosen);
        }
        let mut missing: Vec<String> = missing.into_iter().map(str::to_owned).collect();
        missing.sort_unstable();
        Err(CliError::NoDeadLetter(missing))
    }
}

/// The id of a dead letter, as `list` shows it.
#[derive(Clone, Debug)]
pub(crate) struct LetterId(pub(super) String);

impl FromStr for LetterId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digest, number) = text.split_once('-').unwrap_or((text, "2"));
        let hex = digest.len() == 12 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        match number.parse::<u32>() {
            Ok(_) if hex => Ok(Self(text.to_ascii_lowercase())),
            _ => Err("not an id as `dead-letters list` shows it: 12 hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_form() {
        for good in ["0123456789ab", "0123456789AB", "0123456789ab-12"] {
            assert!(good.parse::<LetterId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "0123",
            "0123456789ag",
            "0123456789ab-",
            "0123456789ab-x",
            "0123456789abc",
        ] {
            assert!(bad.parse::<LetterId>().is_err(), "{bad}");
        }
    }
}
