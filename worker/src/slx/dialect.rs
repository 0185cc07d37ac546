//! What a switch accepts and prints: one TOML file, checked when it is loaded.

mod names;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;
use schemas::files::{FileProblem, from_toml};
use schemas::values::ImagePath;
use serde::{Deserialize, Deserializer};

use super::config::Item;
use crate::versions::TpvmVersion;
pub(super) use template::Template;

/// The commands and the patterns of a kind of switch. The built-in one is
/// `worker/src/slx/dialect.toml`, which explains each key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    pub(super) session: Session,
    pub(super) commands: Commands,
    pub(super) errors: Errors,
    pub(super) accepted: Accepted,
    pub(super) output: Output,
    pub(super) image: Image,
    pub(super) config: Config,
}

/// A dialect file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// The file can't be read.
    #[error("the dialect file {} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no TOML, a key is unknown or missing, or a pattern or a template is malformed.
    #[error("the dialect file {} is not valid", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: FileProblem,
    },
    /// A pattern or a template has not the names that it needs.
    #[error("the dialect file {} is not valid: {key} must name {expected}", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What the names must be.
        expected: String,
    },
}

/// How a session is held.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    pub prompt: Pattern,
    pub tpvm_mode: Pattern,
    pub log: Pattern,
    pub pager: Pattern,
    pub pager_end: Pattern,
    pub pager_end_answer: String,
    pub question: Pattern,
    pub answer: String,
    pub question_in_full: Pattern,
    pub answer_in_full: String,
    pub others_question: Pattern,
    pub secret_question: Pattern,
    pub other_question: Pattern,
    pub password_prompt: Pattern,
    pub echo: bool,
    pub clear_password: Pattern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commands {
    pub no_log: String,
    pub no_paging: String,
    pub slx_version: String,
    pub tpvm_status: String,
    pub tpvm_version: String,
    pub tpvm_addresses: String,
    pub tpvm_snapshot: String,
    pub running_config: String,
    pub configure: String,
    pub leave: String,
    pub upgrade: Template,
    pub revert: String,
    pub asks: BTreeSet<Asking>,
}

/// A command that may ask for confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asking {
    Upgrade,
    Revert,
    Deploy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Errors {
    pub busy: Pattern,
    pub refused: Vec<Pattern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    pub upgrade: Pattern,
    pub revert: Pattern,
    pub line: Pattern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    pub slx_version: Pattern,
    pub tpvm_version: Pattern,
    pub no_tpvm_version: Pattern,
    pub status: Status,
    pub addresses: Addresses,
    pub snapshot: Snapshot,
    pub running_config: RunningConfig,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    pub not_installed: Pattern,
    pub stopped: Pattern,
    pub running: Pattern,
    pub working: Pattern,
    pub error_tag: Pattern,
    pub warning_tag: Pattern,
    pub hint: Pattern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Addresses {
    pub heading: Pattern,
    pub address: Pattern,
    pub management: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    pub taken: Pattern,
    pub none: Pattern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunningConfig {
    pub none: Pattern,
    pub end: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    pub version: Pattern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub begin: String,
    pub items: BTreeMap<Item, ItemSyntax>,
}

/// How one item of the configuration is written and read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemSyntax {
    pub begins: String,
    pub line: Template,
}

/// A regular expression in the file.
#[derive(Debug)]
pub(super) struct Pattern(pub Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Regex::new(&text).map(Self).map_err(|error| {
            // All of the error would quote the pattern; what is wrong with it stands last.
            let whole = error.to_string();
            let what = whole.lines().last().unwrap_or_default();
            let what = what.strip_prefix("error: ").unwrap_or(what);
            serde::de::Error::custom(format_args!("invalid pattern: {what}"))
        })
    }
}

impl std::ops::Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.0
    }
}

impl Dialect {
    /// The dialect that is built in.
    pub fn built_in() -> Dialect {
        let text = include_str!("dialect.toml");
        #[expect(clippy::expect_used, reason = "a constant, and a test loads it")]
        Self::parse(text, Path::new("dialect.toml")).expect("the built-in dialect is valid")
    }

    /// The dialect of a file that stands in for the built-in one as a whole.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Dialect, DialectError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| DialectError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Dialect, DialectError> {
        let dialect: Dialect = from_toml(text).map_err(|source| DialectError::Syntax {
            path: path.to_owned(),
            source,
        })?;
        dialect
            .check_names()
            .map_err(|(key, expected)| DialectError::Names {
                path: path.to_owned(),
                key,
                expected,
            })?;
        Ok(dialect)
    }
}

/// The version of the TPVM in an image, told from the file's name; `None` if the name tells none.
pub fn target_version(dialect: &Dialect, image: &ImagePath) -> Option<TpvmVersion> {
    let found = dialect.image.version.captures(image.file_name())?;
    found.name("version")?.as_str().parse().ok()
}

#[cfg(test)]
mod tests;
