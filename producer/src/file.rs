//! Reads files in JSON or TOML.

use std::path::Path;

use schemas::files::{FileProblem, from_json, from_toml};
use serde::de::DeserializeOwned;

use crate::error::CliError;

/// Reads a `T` from a file whose ending tells JSON from TOML.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let parse: fn(&str) -> Result<T, FileProblem> = match ending {
        Some("json") => from_json,
        Some("toml") => from_toml,
        _ => return Err(CliError::FileEnding(path.to_owned())),
    };
    let text = std::fs::read_to_string(path).map_err(|source| CliError::FileUnreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problem| CliError::FileInvalid {
        path: path.to_owned(),
        problem,
    })
}
