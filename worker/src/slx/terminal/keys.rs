//! Bytes to characters and moves of the cursor. Characters and escape sequences may be cut
//! anywhere.

/// The longest escape sequence that is waited for, in characters.
const LONGEST_SEQUENCE: usize = 256;

/// What one or several bytes stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Print(char),
    /// LF.
    Feed,
    /// CR.
    Return,
    /// BS.
    Back,
    /// Moves the cursor by so many columns.
    Left(usize),
    Right(usize),
    /// Moves the cursor to a column.
    Column(usize),
    /// Erases from the cursor to the end, from the beginning to the cursor, or all.
    EraseRight,
    EraseLeft,
    EraseAll,
    /// Takes so many characters out at the cursor.
    Delete(usize),
}

/// What has arrived of a character or of an escape sequence.
#[derive(Debug, Default)]
pub(super) struct Keys {
    cut: Vec<u8>,
    sequence: Sequence,
}

#[derive(Debug, Default)]
enum Sequence {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// After ESC and a character that announces one more.
    OneMore,
    /// A control sequence, with its parameters so far.
    Control(String),
    /// A text for the terminal, with its length so far.
    Text(usize),
    /// After ESC in such a text: the end of it is ESC \.
    TextEnds,
}

impl Keys {
    /// Takes one byte. The first of two keys is a character that was cut off.
    pub(super) fn take(&mut self, byte: u8) -> (Option<Key>, Option<Key>) {
        if byte.is_ascii() {
            let broken = !self.cut.is_empty();
            self.cut.clear();
            let first = broken.then(|| self.character('\u{fffd}')).flatten();
            return (first, self.character(char::from(byte)));
        }
        self.cut.push(byte);
        let decoded = match std::str::from_utf8(&self.cut) {
            Ok(text) => text.chars().next(),
            Err(error) if error.error_len().is_none() => return (None, None),
            Err(_) => Some('\u{fffd}'),
        };
        // A byte that can't go on with the last character may begin the next.
        let begins = self.cut.len() > 1 && decoded == Some('\u{fffd}') && byte >= 0xc2;
        self.cut.clear();
        if begins {
            self.cut.push(byte);
        }
        (decoded.and_then(|c| self.character(c)), None)
    }

    fn character(&mut self, c: char) -> Option<Key> {
        let (next, key) = match std::mem::take(&mut self.sequence) {
            Sequence::None => return self.plain(c),
            Sequence::Begun => match c {
                '[' => (Sequence::Control(String::new()), None),
                ']' | 'P' | '^' | '_' | 'X' => (Sequence::Text(0), None),
                ' '..='/' => (Sequence::OneMore, None),
                '\u{1b}' => (Sequence::Begun, None),
                '\n' => (Sequence::None, Some(Key::Feed)),
                _ => (Sequence::None, None),
            },
            Sequence::OneMore => (Sequence::None, None),
            Sequence::Control(parameters) => match c {
                '@'..='~' => (Sequence::None, control(c, &parameters)),
                // Not cut off but broken off.
                '\u{1b}' => (Sequence::Begun, None),
                '\n' => (Sequence::None, Some(Key::Feed)),
                _ if parameters.len() >= LONGEST_SEQUENCE => (Sequence::None, None),
                _ => (
                    Sequence::Control(parameters + c.encode_utf8(&mut [0; 4])),
                    None,
                ),
            },
            Sequence::Text(length) => match c {
                '\u{7}' => (Sequence::None, None),
                '\u{1b}' => (Sequence::TextEnds, None),
                '\n' => (Sequence::None, Some(Key::Feed)),
                _ if length >= LONGEST_SEQUENCE => (Sequence::None, None),
                _ => (Sequence::Text(length + 1), None),
            },
            Sequence::TextEnds => match c {
                '\\' => (Sequence::None, None),
                _ => {
                    self.sequence = Sequence::Begun;
                    return self.character(c);
                }
            },
        };
        self.sequence = next;
        key
    }

    fn plain(&mut self, c: char) -> Option<Key> {
        match c {
            '\n' => Some(Key::Feed),
            '\r' => Some(Key::Return),
            '\u{8}' => Some(Key::Back),
            '\u{1b}' => {
                self.sequence = Sequence::Begun;
                None
            }
            '\t' => Some(Key::Print('\t')),
            c if c.is_control() => None,
            c => Some(Key::Print(c)),
        }
    }
}

fn control(last: char, parameters: &str) -> Option<Key> {
    let number = parameters.parse::<usize>();
    let count = number.clone().unwrap_or(1).max(1);
    match last {
        'C' => Some(Key::Right(count)),
        'D' => Some(Key::Left(count)),
        'G' => Some(Key::Column(count - 1)),
        'J' | 'K' => match number.unwrap_or(0) {
            0 => Some(Key::EraseRight),
            1 => Some(Key::EraseLeft),
            _ => Some(Key::EraseAll),
        },
        'P' => Some(Key::Delete(count)),
        _ => None,
    }
}
