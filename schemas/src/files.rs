//! Files that people write: an inventory, a worker's configuration, a dialect. Whatever is wrong
//! with one is told in one line, with the place and without the text there: it may be a password,
//! or a URL that holds one.

use serde::de::DeserializeOwned;

use crate::problem::{place, without_value};
use crate::strict::Strict;

/// What is wrong with a file, and where. Safe to show and to log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct FileProblem {
    line: usize,
    problem: String,
}

/// Reads TOML.
///
/// # Errors
/// [`FileProblem`]
pub fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, FileProblem> {
    let line = |error: &toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.bytes().take(start);
        before.filter(|&byte| byte == b'\n').count() + 1
    };
    // The parser's own messages are fixed texts; all of an error would quote the line.
    let parser = toml::Deserializer::parse(text).map_err(|error| FileProblem {
        line: line(&error),
        problem: error.message().to_owned(),
    })?;
    serde_path_to_error::deserialize(Strict::new(parser)).map_err(|error| {
        let inner = error.inner();
        let problem = problem(error.path(), inner.message());
        FileProblem {
            line: line(inner),
            // What an object is elsewhere.
            problem: problem.replace("an object", "a table"),
        }
    })
}

/// Reads JSON.
///
/// # Errors
/// [`FileProblem`]
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, FileProblem> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Strict::new(&mut parser)).map_err(|error| {
        let inner = error.inner();
        FileProblem {
            line: inner.line(),
            problem: match inner.is_data() {
                true => problem(error.path(), &without_place(inner)),
                false => without_place(inner),
            },
        }
    })?;
    parser.end().map_err(|error| FileProblem {
        line: error.line(),
        problem: without_place(&error),
    })?;
    Ok(value)
}

/// serde_json puts the place at the end of its message; ours stands in front.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn problem(path: &serde_path_to_error::Path, message: &str) -> String {
    let what = without_value(message);
    match place(path).as_str() {
        "" => what,
        place => format!("{place}: {what}"),
    }
}
