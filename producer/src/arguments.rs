//! Reads the arguments. What can't be used is refused in a few words: what was typed is repeated
//! as far as it helps to find it, and never where the name of a secret is expected.

use std::time::Duration;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use schemas::values::InvalidValue;

use crate::cli::Cli;
use crate::text::printable;

/// The arguments of the process; ends it if they can't be used.
pub(crate) fn read() -> Cli {
    match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => brief(error).exit(),
    }
}

/// The error with everything that was typed cut short, and safe for a terminal.
fn brief(mut error: clap::Error) -> clap::Error {
    let about_secret = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(argument)) if argument.contains("secret")
    );
    let mut changed = false;
    for kind in [
        ContextKind::InvalidValue,
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
    ] {
        let Some(ContextValue::String(typed)) = error.get(kind) else {
            continue;
        };
        // A user who confuses the two types the secret itself.
        let brief = match kind {
            ContextKind::InvalidValue if about_secret => "[not shown]".to_owned(),
            _ => cut(typed),
        };
        if brief != *typed {
            changed = true;
            error.insert(kind, ContextValue::String(brief));
        }
    }
    if changed {
        // They repeat what was typed.
        error.remove(ContextKind::Suggested);
    }
    error
}

fn cut(typed: &str) -> String {
    const MOST: usize = 80;
    let mut brief = printable(typed).replace('\n', " ");
    if let Some((end, _)) = brief.char_indices().nth(MOST) {
        brief.truncate(end);
        brief.push('…');
    }
    brief
}

/// A duration as an argument.
pub(crate) fn duration(text: &str) -> Result<Duration, InvalidValue> {
    /// Clocks can't count to what is much longer.
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
    let duration = humantime::parse_duration(text).ok();
    duration
        .filter(|duration| *duration <= LONGEST)
        .ok_or(InvalidValue {
            what: "duration",
            expected: "a time like 90s, 10m or 1h 30m, at most a year",
        })
}

/// How many at most, as an argument.
pub(crate) fn count(text: &str) -> Result<u32, InvalidValue> {
    let count = text.parse().ok();
    count
        .filter(|count| (1..=100_000).contains(count))
        .ok_or(InvalidValue {
            what: "number",
            expected: "a whole number from 1 to 100000",
        })
}
