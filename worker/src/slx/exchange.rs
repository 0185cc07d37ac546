//! One line to a switch and its answer. What arrives may be cut anywhere: nothing is decided before
//! the switch has been quiet for a while, so that the same bytes always mean the same.

mod echo;
mod prompt;
mod quiet;

use super::dialect::Session;
use super::terminal::Screen;
use echo::Echo;
use prompt::Prompt;
pub(super) use quiet::Quiet;

/// The longest last line that may be a prompt, a question or a pager, in characters.
const MAX_LAST_LINE: usize = 4096;

/// How often an empty line may ask for a prompt.
const MAX_NUDGES: u8 = 2;

/// What is known of a session from the commands before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Habits {
    /// The switch's own name, if it is known yet.
    pub name: Option<String>,
    /// What the prompt ends with, behind name and mode.
    pub ending: Option<String>,
    /// Whether lines are echoed; unknown before the first.
    pub echoes: Option<bool>,
}

/// What may be sent besides the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct May {
    /// One question for confirmation may be answered.
    pub answer: bool,
    /// Empty lines may ask for a prompt that got lost: the line asks no question.
    pub nudge: bool,
}

/// The answer to a line, as far as it has arrived.
pub(super) struct Exchange<'a> {
    syntax: &'a Session,
    habits: Habits,
    echo: Echo,
    may: May,
    nudges: u8,
    /// The line in which a question was answered has not ended.
    answered: bool,
    max_output: usize,
    received: usize,
    screen: Screen<'a>,
    /// The lines that have ended.
    output: String,
    /// Where the text begins that no answer was given to.
    unanswered: usize,
    last_heard: String,
}

/// What to do after some bytes, or after some silence.
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
    /// The switch asks something that is not answered: its words.
    Asks(String),
    /// The prompt is back, but a switch that echoes has not echoed the line: what it printed.
    NoEcho(String),
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// What was printed between the echo and the prompt.
    pub text: String,
    /// The mode in the prompt: empty in exec mode.
    pub mode: String,
    /// What is known of the session now.
    pub habits: Habits,
    /// A part of the text may belong to a log line that the switch wrapped.
    pub doubtful: bool,
}

impl<'a> Exchange<'a> {
    /// The answer to `line`; with `None`, whatever stands before the first prompt.
    pub(super) fn new(
        syntax: &'a Session,
        line: Option<&str>,
        habits: Habits,
        may: May,
        max_output: usize,
    ) -> Self {
        let echoes = syntax.echo && habits.echoes != Some(false);
        Self {
            syntax,
            echo: Echo::of(line.filter(|_| echoes)),
            habits,
            may,
            nudges: 0,
            answered: false,
            max_output,
            received: 0,
            screen: Screen::new(&syntax.log),
            output: String::new(),
            unanswered: 0,
            last_heard: String::new(),
        }
    }

    /// Takes what has arrived. The work is in proportion to it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Next {
        self.received += bytes.len();
        if self.received > self.max_output {
            return Next::TooLong;
        }
        for byte in bytes {
            let Some(line) = self.screen.take(*byte) else {
                continue;
            };
            self.answered = false;
            if !line.shown.trim().is_empty() {
                self.last_heard.clone_from(&line.shown);
            }
            if self.echo.ends_with(&line) {
                // Whatever came before belongs to an earlier command.
                self.output.clear();
                self.unanswered = 0;
            } else {
                self.output += &line.shown;
                self.output.push('\n');
            }
        }
        Next::Wait
    }

    /// Decides once nothing has come for a while.
    pub(super) fn settle(&mut self, quiet: Quiet) -> Next {
        let Some(line) = self.screen.last_line(MAX_LAST_LINE) else {
            return Next::Wait;
        };
        if !self.echo.is_open() {
            if let Some((before, prompt)) = self.prompt(&line, quiet) {
                return self.done(&before, prompt);
            }
            if let Some(next) = self.pager(&line, quiet) {
                return next;
            }
        } else if quiet >= Quiet::Clearly
            && let Some((before, prompt)) = self.prompt(&line, quiet)
        {
            return self.without_echo(&before, prompt);
        }
        self.question(&line, quiet)
            .or_else(|| self.nudge(&line, quiet))
            .unwrap_or(Next::Wait)
    }

    /// Whether something stands behind the last line end: what waits for an answer does.
    pub(super) fn is_within_a_line(&self) -> bool {
        let line = self.screen.last_line(MAX_LAST_LINE);
        line.is_some_and(|line| !line.trim().is_empty())
    }

    /// The last line that is not empty, for people.
    pub(super) fn last_heard(&self) -> String {
        let line = self.screen.last_line(MAX_LAST_LINE).unwrap_or_default();
        match line.trim() {
            "" => self.last_heard.clone(),
            line => line.to_owned(),
        }
    }

    /// The prompt at the end of a line, with the output before it.
    fn prompt(&self, line: &str, quiet: Quiet) -> Option<(String, Prompt)> {
        let behind_log = self
            .screen
            .resumed()
            .and_then(|at| line.split_at_checked(at));
        let (before, prompt) = match self.read_prompt(line) {
            Some(prompt) => (String::new(), prompt),
            // A switch that writes its prompt again behind a log line.
            None => {
                let (before, behind) = behind_log?;
                let before = match self.read_prompt(before) {
                    Some(_) => String::new(),
                    None => format!("{before}\n"),
                };
                (before, self.read_prompt(behind)?)
            }
        };
        let own = self.habits.name.is_some() && self.habits.ending.as_ref() == Some(&prompt.ending);
        (own || quiet >= Quiet::Shortly).then_some((before, prompt))
    }

    fn read_prompt(&self, text: &str) -> Option<Prompt> {
        let known = self.habits.name.as_deref();
        Prompt::read(&self.syntax.prompt, text, known)
    }

    fn done(&mut self, before: &str, prompt: Prompt) -> Next {
        let mut text = std::mem::take(&mut self.output) + before;
        if self.nudges > 0 {
            // Each empty line was answered with a prompt.
            let lines = text.lines().filter(|line| self.read_prompt(line).is_none());
            text = lines.map(|line| format!("{line}\n")).collect();
        }
        Next::Done(Answer {
            text,
            mode: prompt.mode,
            doubtful: self.screen.is_doubtful(),
            habits: Habits {
                name: Some(prompt.name),
                ending: Some(prompt.ending),
                echoes: self.echo.found().or(self.habits.echoes),
            },
        })
    }

    /// The prompt is back for so long that the echo does not come any more.
    fn without_echo(&mut self, before: &str, prompt: Prompt) -> Next {
        let text = self.output.clone() + before;
        if let Some(answer) = self.echo.behind_altered(&text) {
            self.output = answer.to_owned();
            return self.done("", prompt);
        }
        if self.habits.echoes == Some(true) {
            return Next::NoEcho(text);
        }
        self.echo = Echo::missing();
        self.done(before, prompt)
    }

    fn pager(&mut self, line: &str, quiet: Quiet) -> Option<Next> {
        if quiet < Quiet::Shortly {
            return None;
        }
        let (more, end) = (&self.syntax.pager, &self.syntax.pager_end);
        let (found, answer) = match (more.find(line), end.find(line)) {
            (Some(more), _) => (more, " "),
            (None, Some(end)) => (end, self.syntax.pager_end_answer.as_str()),
            (None, None) => return None,
        };
        self.screen.passing(found.start());
        Some(Next::Send(answer.to_owned()))
    }

    fn question(&mut self, line: &str, quiet: Quiet) -> Option<Next> {
        if line.trim().is_empty() || quiet < Quiet::Shortly {
            return None;
        }
        let in_full = self.syntax.question_in_full.is_match(line);
        let confirms = in_full || self.syntax.question.is_match(line);
        let secret = self.syntax.secret_question.is_match(line);
        let other = self.syntax.other_question.is_match(line);
        if !confirms && !secret && !other {
            return None;
        }
        let words = format!("{}{line}", self.output.get(self.unanswered..)?);
        let others = secret || self.syntax.others_question.is_match(&words);
        if confirms && !others {
            // The rest of a question may come late.
            if self.answered && quiet < Quiet::Clearly {
                return None;
            }
            if self.may.answer {
                return Some(self.answer(in_full));
            }
            return Some(Next::Asks(words));
        }
        // What only looks like a question may be a line that the network holds up.
        (others || quiet >= Quiet::Longest).then_some(Next::Asks(words))
    }

    fn answer(&mut self, in_full: bool) -> Next {
        self.may.answer = false;
        self.answered = true;
        self.output += &self.screen.break_line();
        self.output.push('\n');
        self.unanswered = self.output.len();
        let answer = match in_full {
            true => &self.syntax.answer_in_full,
            false => &self.syntax.answer,
        };
        Next::Send(format!("{answer}\n"))
    }

    /// An empty line asks for the prompt, unless it could be taken for an answer: the switch has
    /// ended its last line, so it asks nothing. Without an echo, a prompt that comes late would end
    /// the answer to the next line.
    fn nudge(&mut self, line: &str, quiet: Quiet) -> Option<Next> {
        let due = match self.nudges {
            0 => quiet >= Quiet::Long,
            _ => quiet >= Quiet::Longest,
        };
        let echoes = self.syntax.echo && self.habits.echoes != Some(false);
        let may = self.may.nudge && echoes && self.nudges < MAX_NUDGES;
        (due && may && line.is_empty()).then(|| {
            self.nudges += 1;
            Next::Send("\n".to_owned())
        })
    }
}

#[cfg(test)]
mod tests;
