//! `dead-letters show`: one dead letter with all that it holds.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker::DeadLetter;
use clap::Args;
use schemas::messages::MAX_MESSAGE_BYTES;
use serde::Serialize;
use serde_json::{Map, Value};

use super::item::Item;
use super::selection::LetterId;
use super::{IDS, look};
use crate::error::CliError;
use crate::exit::Exit;
use crate::item::shown_time;
use crate::output::Output;
use crate::settings::Settings;
use crate::text::escaped;

/// The most of a body that people are shown, in bytes: all of a message that a worker would read.
const MOST_OF_BODY: usize = MAX_MESSAGE_BYTES;
/// The most of a header that people are shown, in bytes.
const MOST_OF_HEADER: usize = 4096;

const EXAMPLES: &str = "\
A body that is JSON is shown indented. What a terminal would not print, or would
obey, is shown as \\u{1b} or \\xff. In JSON the body is exact: text, or base64 if
it is no UTF-8.

Examples:
  tpvm-upgrade dead-letters show 3fa94c01b2de
  tpvm-upgrade dead-letters show 3fa94c01b2de --format json
";

#[derive(Debug, Args)]
#[command(after_help = format!("{IDS}{EXAMPLES}"))]
pub(crate) struct ShowArgs {
    /// The dead letter, by its id
    #[arg(value_name = "ID")]
    id: LetterId,
}

/// All of a letter.
#[derive(Serialize)]
struct Full {
    #[serde(flatten)]
    item: Item,
    properties: Map<String, Value>,
    headers: Map<String, Value>,
    body_encoding: &'static str,
    body: String,
}

pub(crate) async fn run(
    args: ShowArgs,
    settings: &Settings,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let mut found = None;
    look(settings, |letter| {
        if letter.id == args.id.0 {
            found = Some(letter);
        }
    })
    .await?;
    let letter = found.ok_or_else(|| CliError::NoDeadLetter(vec![args.id.0]))?;
    output.say(&Full::new(&letter), |full| {
        full.lines(&letter.body).join("\n")
    })?;
    Ok(Exit::Done)
}

impl Full {
    fn new(letter: &DeadLetter) -> Self {
        let (body_encoding, body) = match std::str::from_utf8(&letter.body) {
            Ok(text) => ("utf-8", text.to_owned()),
            Err(_) => ("base64", BASE64_STANDARD.encode(&letter.body)),
        };
        Self {
            item: Item::new(letter),
            properties: letter.properties.clone(),
            headers: letter.headers.clone(),
            body_encoding,
            body,
        }
    }

    fn lines(&self, body: &[u8]) -> Vec<String> {
        let item = &self.item;
        let uuid = |id: Option<uuid::Uuid>| id.map(|id| id.to_string());
        let facts = [
            ("Dead Letter", Some(item.id.clone())),
            ("Set Aside", item.set_aside_at.map(shown_time)),
            ("By", item.set_aside_by.clone()),
            ("Queue", item.queue.clone()),
            ("Message Type", item.message_type.clone()),
            ("Execution ID", uuid(item.execution_id)),
            ("Request ID", uuid(item.request_id)),
            ("Deaths", Some(item.deaths.to_string())),
            ("Reason", Some(item.reason.clone())),
            ("Remedy", Some(item.remedy.clone())),
            ("Can't Redrive", item.not_redrivable.clone()),
        ];
        let facts = facts.into_iter().filter_map(|(name, value)| {
            Some(line(name, &escaped(value?.as_bytes(), MOST_OF_HEADER)))
        });
        facts
            .chain(section("Properties", &self.properties))
            .chain(section("Headers", &self.headers))
            .chain([format!("\nBody ({} bytes):", body.len()), shown(body)])
            .collect()
    }
}

fn line(name: &str, value: &str) -> String {
    format!("{:<15}{value}", format!("{name}:"))
}

fn section(title: &str, values: &Map<String, Value>) -> Vec<String> {
    if values.is_empty() {
        return Vec::new();
    }
    let lines = values.iter().map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = escaped(name.as_bytes(), MOST_OF_HEADER);
        format!("  {name}: {}", cut(text.as_bytes(), MOST_OF_HEADER))
    });
    std::iter::once(format!("\n{title}:"))
        .chain(lines)
        .collect()
}

fn shown(body: &[u8]) -> String {
    let json = (body.len() <= MOST_OF_BODY)
        .then(|| serde_json::from_slice::<Value>(body).ok())
        .flatten();
    match json {
        Some(json) => escaped(format!("{json:#}").as_bytes(), usize::MAX),
        None => cut(body, MOST_OF_BODY),
    }
}

/// Shows the beginning, and says so.
fn cut(bytes: &[u8], most: usize) -> String {
    let text = escaped(bytes, most);
    match bytes.len() {
        length if length > most => {
            format!("{text}\n… ({most} of {length} bytes; --format json has all of them)")
        }
        _ => text,
    }
}
