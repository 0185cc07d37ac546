//! The echo of a line, in what the switch sends.

use crate::slx::terminal::{Ended, squeezed};

/// A long line that scrolls sideways shows at least so much of its end, in characters.
const LEAST_OF_SCROLLED: usize = 8;

/// Looks for the echo, with work in proportion to what arrives.
#[derive(Debug)]
pub(super) enum Echo {
    /// No line was sent, or its switch does not echo.
    Off,
    /// The line, in words and without white space, and the end of what has come.
    Expected {
        line: String,
        squeezed: String,
        tail: String,
    },
    Found,
    /// It did not come.
    Missing,
}

impl Echo {
    pub(super) fn of(line: Option<&str>) -> Self {
        line.map_or(Echo::Off, |line| Echo::Expected {
            line: line.to_owned(),
            squeezed: squeezed(line),
            tail: String::new(),
        })
    }

    pub(super) fn missing() -> Self {
        Echo::Missing
    }

    /// Whether it is still to come.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Echo::Expected { .. })
    }

    /// Whether the switch has echoed, as far as that is known.
    pub(super) fn found(&self) -> Option<bool> {
        match self {
            Echo::Found => Some(true),
            Echo::Missing => Some(false),
            Echo::Off | Echo::Expected { .. } => None,
        }
    }

    /// Whether the echo ends with this line.
    pub(super) fn ends_with(&mut self, ended: &Ended) -> bool {
        let Echo::Expected {
            squeezed: echo,
            tail,
            ..
        } = self
        else {
            return false;
        };
        let typed = squeezed(&ended.typed);
        if typed.is_empty() {
            return false;
        }
        tail.push_str(&typed);
        // Only as much as the echo is long can be the end of it.
        let surplus = tail.len().saturating_sub(echo.len());
        let cut = (surplus..=tail.len()).find(|at| tail.is_char_boundary(*at));
        tail.drain(..cut.unwrap_or(0));
        let shown = squeezed(&ended.shown);
        let found = tail == echo || shown.ends_with(echo.as_str()) || scrolled(&shown, echo);
        if found {
            *self = Echo::Found;
        }
        found
    }

    /// The output behind a first line that is the echo in other words: cut off, or with a password
    /// masked. It begins with the first words of the line.
    pub(super) fn behind_altered<'t>(&mut self, output: &'t str) -> Option<&'t str> {
        let Echo::Expected { line, .. } = self else {
            return None;
        };
        let begins: String = line.split_whitespace().take(2).collect();
        let trimmed = output.trim_start_matches(['\n', ' ']);
        let (first, behind) = trimmed.split_once('\n')?;
        let altered = squeezed(first).contains(&begins);
        altered.then(|| {
            *self = Echo::Found;
            behind
        })
    }
}

/// Whether a line shows the end of the echo behind the sign that there is more to its left.
fn scrolled(shown: &str, echo: &str) -> bool {
    let Some((_, end)) = shown.rsplit_once('<') else {
        return false;
    };
    end.chars().count() >= LEAST_OF_SCROLLED && echo.ends_with(end)
}
