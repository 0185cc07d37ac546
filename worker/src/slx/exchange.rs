//! One line to a switch and its answer: what arrives is taken in any pieces, and says what to do.

use super::dialect::Session;
use super::terminal::{shown, squeezed};

/// The longest last line that may be a prompt, a question or a pager, in bytes.
const MAX_LAST_LINE: usize = 4096;

/// The answer to a line, as far as it has arrived.
pub(super) struct Exchange<'a> {
    syntax: &'a Session,
    /// The line that was sent, without white space, as long as its echo has not come.
    echo: Option<String>,
    /// The switch's own name, if it is known yet.
    name: Option<String>,
    /// Whether a question may still be answered.
    may_answer: bool,
    max_output: usize,
    received: usize,
    output: Vec<u8>,
}

/// What to do after some bytes have arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for more.
    Wait,
    /// Send this, and wait for more.
    Send(String),
    /// The prompt is back.
    Done(Answer),
    /// There was more output than is accepted.
    TooLong,
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// What was printed between the echo and the prompt.
    pub text: String,
    /// The name in the prompt.
    pub name: String,
    /// The mode in the prompt: empty in exec mode.
    pub mode: String,
}

impl<'a> Exchange<'a> {
    /// The answer to `line`; with `None`, whatever stands before the first prompt.
    pub(super) fn new(
        syntax: &'a Session,
        line: Option<&str>,
        name: Option<&str>,
        asks: bool,
        max_output: usize,
    ) -> Self {
        Self {
            syntax,
            echo: line.filter(|_| syntax.echo).map(squeezed),
            name: name.map(ToOwned::to_owned),
            may_answer: asks,
            max_output,
            received: 0,
            output: Vec::new(),
        }
    }

    /// Takes what has arrived.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Next {
        self.received += bytes.len();
        if self.received > self.max_output {
            return Next::TooLong;
        }
        self.output.extend_from_slice(bytes);
        if self.echo.is_some() && !self.skip_echo() {
            return Next::Wait;
        }
        let Some(last) = self.last_line() else {
            return Next::Wait;
        };
        let line = shown(self.output.get(last..).unwrap_or_default());
        if let Some(pager) = self.syntax.pager.find(&line) {
            self.output.truncate(last);
            self.output
                .extend_from_slice(line.get(..pager.start()).unwrap_or_default().as_bytes());
            return Next::Send(" ".to_owned());
        }
        if let Some((name, mode)) = self.prompt(&line) {
            let text = shown(self.output.get(..last).unwrap_or_default());
            return Next::Done(Answer { text, name, mode });
        }
        if self.may_answer && self.syntax.question.is_match(&line) {
            self.may_answer = false;
            return Next::Send(format!("{}\n", self.syntax.answer));
        }
        Next::Wait
    }

    /// What was printed so far, if the switch waits for an answer to a question.
    pub(super) fn open_question(&self) -> Option<String> {
        let last = self.last_line()?;
        let line = shown(self.output.get(last..).unwrap_or_default());
        let asked = self.syntax.question.is_match(&line);
        asked.then(|| shown(&self.output))
    }

    /// Drops everything up to the line end behind the echo. Whatever arrives before it belongs
    /// to an earlier command.
    fn skip_echo(&mut self) -> bool {
        let Some(echo) = &self.echo else {
            return true;
        };
        let ends = self
            .output
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n');
        let found = ends.map(|(at, _)| at).find(|at| {
            let before = shown(self.output.get(..*at).unwrap_or_default());
            squeezed(&before).ends_with(echo.as_str())
        });
        if let Some(at) = found {
            self.output.drain(..=at);
            self.echo = None;
        }
        found.is_some()
    }

    /// Where the last line begins, unless it is too long to be anything but output.
    fn last_line(&self) -> Option<usize> {
        let newline = self.output.iter().rposition(|byte| *byte == b'\n');
        let begin = newline.map_or(0, |at| at + 1);
        (self.output.len() - begin <= MAX_LAST_LINE).then_some(begin)
    }

    fn prompt(&self, line: &str) -> Option<(String, String)> {
        let found = self.syntax.prompt.captures(line)?;
        let group = |name| found.name(name).map_or("", |text| text.as_str());
        let name = group("name");
        let expected = self.name.as_deref().is_none_or(|known| known == name);
        expected.then(|| (name.to_owned(), group("mode").to_owned()))
    }
}

#[cfg(test)]
mod tests;
