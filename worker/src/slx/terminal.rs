//! What a terminal would show of the bytes that a shell sends, however they are cut into packets.

mod keys;
mod line;

use super::dialect::Pattern;
use keys::{Key, Keys};
use line::Line;

/// How wide terminals are that nobody has asked about: a log line that ends there may go on in the
/// next line.
const USUAL_WIDTHS: [usize; 2] = [80, 132];

/// The lines that have arrived. What the switch logs into the session is no part of them.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    log: &'a Pattern,
    keys: Keys,
    line: Line,
    /// The characters of the line as they came: blanks kept, moves of the cursor left out.
    typed: String,
    /// The last of them, directly behind a CR.
    returned: Option<char>,
    /// Whether a log line may have gone on in a line that was taken for output.
    doubtful: bool,
}

/// A line that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// What a terminal shows of it.
    pub shown: String,
    /// The characters as they came. A long command that the switch wraps or scrolls while it
    /// echoes it is whole only here.
    pub typed: String,
}

impl<'a> Screen<'a> {
    /// A screen on which lines that match `log` never show.
    pub(super) fn new(log: &'a Pattern) -> Self {
        Self {
            log,
            keys: Keys::default(),
            line: Line::default(),
            typed: String::new(),
            returned: None,
            doubtful: false,
        }
    }

    /// Takes one byte; returns the line that it ends.
    pub(super) fn take(&mut self, byte: u8) -> Option<Ended> {
        let (first, second) = self.keys.take(byte);
        let ended = first.and_then(|key| self.press(key));
        // Only the second can end a line: the first is a character that was cut off.
        ended.or_else(|| second.and_then(|key| self.press(key)))
    }

    fn press(&mut self, key: Key) -> Option<Ended> {
        let returned = self.returned.take();
        match key {
            // To wrap a line, readline writes the first character of the next row, goes back to the
            // begin of that row, and writes it again.
            Key::Print(c) if returned == Some(c) => {}
            Key::Print(c) => self.typed.push(c),
            Key::Return => self.returned = self.typed.chars().next_back(),
            Key::Back => {
                self.typed.pop();
            }
            Key::Feed => return self.end_line(),
            _ => {}
        }
        self.line.press(key);
        None
    }

    /// A log line begins wherever the switch was just writing, and takes the rest of the line: what
    /// stood before it goes on behind it.
    fn end_line(&mut self) -> Option<Ended> {
        let shown = self.line.text();
        let split = |text: &str| {
            let at = self.log.find(text)?.start();
            let (before, log) = text.split_at_checked(at)?;
            Some((before.to_owned(), log.to_owned()))
        };
        let (logged, typed) = (split(&shown), split(&self.typed));
        // A log line that the terminal wraps is whole only as it came.
        let whole = match (&logged, &typed) {
            (Some(logged), Some(typed)) if logged.1 == typed.1 => Some(logged),
            (logged, typed) => typed.as_ref().or(logged.as_ref()),
        };
        if let Some((before, _)) = whole {
            self.doubtful |= USUAL_WIDTHS.contains(&shown.chars().count());
            self.line = Line::interrupted(before);
            self.typed = typed.map(|(before, _)| before).unwrap_or_default();
            return None;
        }
        self.line = Line::default();
        Some(Ended {
            shown,
            typed: std::mem::take(&mut self.typed),
        })
    }

    /// Whether a part of the output may belong to a log line.
    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// The line that has not ended, unless it is longer than `max` characters.
    pub(super) fn last_line(&self, max: usize) -> Option<String> {
        (self.line.len() <= max).then(|| self.line.text())
    }

    /// Where the last line goes on behind a log line, in bytes.
    pub(super) fn resumed(&self) -> Option<usize> {
        self.line.resumed()
    }

    /// The text from here to the end of the last line shows only until something is written over
    /// it, and is no output. `at` is in bytes.
    pub(super) fn passing(&mut self, at: usize) {
        self.line.passing(at);
    }

    /// Ends the last line without the switch's doing, and returns it.
    pub(super) fn break_line(&mut self) -> String {
        self.typed.clear();
        std::mem::take(&mut self.line).text()
    }
}

/// The text without any white space, to compare an echo that a terminal may have wrapped.
pub(super) fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests;
