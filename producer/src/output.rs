//! What goes to stdout: tables and lines for people, JSON for programs.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use clap::ValueEnum;
use console::Term;
use serde::Serialize;

use crate::error::CliError;
use crate::go_duration::go_duration;
use crate::table::Table;
use crate::text::{escaped_json, printable};

/// Whom the output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Stdout, in the chosen format.
pub(crate) struct Output {
    format: Format,
    started: Instant,
}

impl Output {
    /// Time elapsed counts from here.
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            started: Instant::now(),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether a person is looking, so that lines may be drawn over.
    pub(crate) fn is_live(&self) -> bool {
        !self.is_json() && io::stdout().is_terminal()
    }

    /// Writes `value`, or what `tables` makes of it, depending on the format.
    pub(crate) fn show<T: Serialize>(
        &mut self,
        value: &T,
        tables: impl FnOnce(&T) -> Vec<Table>,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Json => self.json(value),
            Format::Table => self.tables(&tables(value)),
        }
    }

    /// Writes `value`, or the lines that `lines` makes of it, depending on the format.
    pub(crate) fn say<T: Serialize>(
        &mut self,
        value: &T,
        lines: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Json => self.json(value),
            Format::Table => self.line(&lines(value)),
        }
    }

    /// Writes one line for people.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), CliError> {
        self.write(&format!("{}\n", printable(text)))
    }

    /// Writes `value` as a single line, for a reader that takes one value at a time.
    pub(crate) fn json_line<T: Serialize>(&mut self, value: &T) -> Result<(), CliError> {
        let line = serde_json::to_string(value).map_err(io::Error::from)?;
        self.write(&format!("{}\n", escaped_json(&line)))
    }

    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.write(&format!("{}\n", escaped_json(&text)))
    }

    /// Writes tables for people.
    pub(crate) fn tables(&mut self, tables: &[Table]) -> Result<(), CliError> {
        let terminal = Term::stdout().size_checked().map(|(_, columns)| columns);
        let width = terminal.or_else(columns);
        let bodies: Vec<String> = tables.iter().map(|table| table.render(width)).collect();
        let elapsed = go_duration(self.started.elapsed());
        self.write(&format!(
            "{}--- Time Elapsed: {elapsed} ---\n",
            bodies.join("\n")
        ))
    }

    fn write(&mut self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }
}

/// What a person who reads through a pipe may say: `COLUMNS`.
fn columns() -> Option<u16> {
    let columns = std::env::var("COLUMNS").ok()?.parse().ok()?;
    Some(columns).filter(|columns| *columns > 0)
}
