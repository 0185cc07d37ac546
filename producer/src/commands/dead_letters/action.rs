//! What became of each letter that a command changes: a line for people, an object for programs.

use serde::Serialize;

use super::item::Item;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// What became of one letter.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Became {
    /// Back in its queue, and no dead letter any more.
    Redriven,
    /// Removed for good.
    Purged,
    /// It would be changed; nothing is done.
    Selected,
    /// It can't be put back; it stays.
    Refused,
    /// It could not be put back, or not be removed after that; it stays.
    Failed,
    /// It was chosen, and is no longer there: somebody else was faster.
    Gone,
}

impl Became {
    const fn word(self) -> &'static str {
        match self {
            Became::Redriven => "redriven",
            Became::Purged => "purged",
            Became::Selected => "selected",
            Became::Refused => "refused",
            Became::Failed => "failed",
            Became::Gone => "gone",
        }
    }

    const fn is_as_asked(self) -> bool {
        matches!(self, Became::Redriven | Became::Purged | Became::Selected)
    }
}

/// Tells what became of each letter, and keeps count.
pub(super) struct Account<'a> {
    output: &'a mut Output,
    counts: Vec<(Became, usize)>,
}

#[derive(Serialize)]
struct Told<'a> {
    result: Became,
    problem: Option<&'a str>,
    #[serde(flatten)]
    item: &'a Item,
}

impl<'a> Account<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        Self {
            output,
            counts: Vec::new(),
        }
    }

    /// Tells at once, so that nothing is done untold if the command is stopped.
    pub(super) fn tell(
        &mut self,
        item: &Item,
        became: Became,
        problem: Option<&str>,
    ) -> Result<(), CliError> {
        match self.counts.iter_mut().find(|(known, _)| *known == became) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((became, 1)),
        }
        if self.output.is_json() {
            return self.output.json_line(&Told {
                result: became,
                problem,
                item,
            });
        }
        let queue = item.queue.as_deref().unwrap_or("an unknown queue");
        let mut line = format!("{}  {}  from {queue}", item.id, became.word());
        if let Some(problem) = problem {
            line.push_str(&format!(": {problem}"));
        }
        self.output.line(&line)
    }

    /// Sums up, and says how it ended.
    pub(super) fn finish(self, what: &str) -> Result<Exit, CliError> {
        let as_asked = self.counts.iter().all(|(became, _)| became.is_as_asked());
        if !self.output.is_json() {
            let word = if as_asked { "success" } else { "failed" };
            let counts = self
                .counts
                .iter()
                .map(|(became, count)| format!("{count} {}", became.word()));
            let counts = match counts.collect::<Vec<_>>() {
                none if none.is_empty() => "no dead letters".to_owned(),
                some => some.join(", "),
            };
            self.output.line(&format!("{what} [{word}]\n{counts}"))?;
        }
        Ok(match as_asked {
            true => Exit::Done,
            false => Exit::EndedOtherwise,
        })
    }
}
