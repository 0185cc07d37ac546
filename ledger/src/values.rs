//! Between our types and what Postgres stores.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::error::LedgerError;
use crate::execution::Failure;
use crate::facts::Facts;

/// The longest text for people that is kept, in characters. It bounds messages too.
const MAX_TEXT: usize = 4_000;

/// A time span in seconds, at most a hundred years: Postgres refuses what overflows an interval.
pub(crate) fn seconds(duration: Duration) -> f64 {
    const LONGEST: f64 = 100.0 * 366.0 * 86_400.0;
    duration.as_secs_f64().min(LONGEST)
}

/// A text for people, fit to be stored. Output of devices ends up here, and Postgres refuses NUL.
pub(crate) fn text(text: &str) -> String {
    let mut kept: String = text
        .chars()
        .take(MAX_TEXT)
        .map(|c| {
            if c == '\0' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Facts as an object that Postgres accepts.
pub(crate) fn json(facts: &Facts) -> Value {
    let mut value = serde_json::to_value(facts).unwrap_or_default();
    replace_nul(&mut value);
    value
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => {
            *text = text.replace('\0', "\u{fffd}");
        }
        Value::Array(values) => values.iter_mut().for_each(replace_nul),
        Value::Object(values) => values.values_mut().for_each(replace_nul),
        _ => {}
    }
}

/// Reads the columns of one row, and says of which row one can't be read.
pub(crate) trait Columns {
    fn unreadable(&self, column: &str, error: impl Display) -> LedgerError;

    fn read<T>(&self, column: &str, text: &str) -> Result<T, LedgerError>
    where
        T: FromStr<Err: Display>,
    {
        text.parse().map_err(|error| self.unreadable(column, error))
    }

    fn read_some<T>(&self, column: &str, text: Option<&str>) -> Result<Option<T>, LedgerError>
    where
        T: FromStr<Err: Display>,
    {
        text.map(|text| self.read(column, text)).transpose()
    }
}

/// A row of an execution or of its history.
#[derive(Clone, Copy)]
pub(crate) struct Row(pub(crate) Uuid);

impl Row {
    pub(crate) fn facts(self, value: Value) -> Result<Facts, LedgerError> {
        serde_json::from_value(value).map_err(|error| self.unreadable("facts", error))
    }
}

impl Columns for Row {
    fn unreadable(&self, column: &str, error: impl Display) -> LedgerError {
        LedgerError::Undecodable {
            execution_id: self.0,
            what: format!("{column}: {error}"),
        }
    }
}

/// A row of the EFA DB tables, by what it stands for.
pub(crate) struct Subject(pub(crate) String);

impl Subject {
    pub(crate) fn port(&self, column: &str, port: i32) -> Result<u16, LedgerError> {
        u16::try_from(port).map_err(|error| self.unreadable(column, error))
    }
}

impl Columns for Subject {
    fn unreadable(&self, column: &str, error: impl Display) -> LedgerError {
        LedgerError::UndecodableInventory {
            row: self.0.clone(),
            what: format!("{column}: {error}"),
        }
    }
}

/// A cause with its remedy; a constraint keeps them together.
pub(crate) fn failure(cause: Option<String>, remedy: Option<String>) -> Option<Failure> {
    Some(Failure {
        cause: cause?,
        remedy: remedy?,
    })
}

/// Of a list, leaves out what can't be read, so that one bad row does not hide the others.
pub(crate) fn readable<T>(rows: impl Iterator<Item = Result<T, LedgerError>>) -> Vec<T> {
    rows.filter_map(|row| {
        row.inspect_err(|error| tracing::error!(%error, "leaving out a row"))
            .ok()
    })
    .collect()
}
