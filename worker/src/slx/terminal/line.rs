//! One line of a terminal, with its cursor.

use super::keys::Key;

/// The cursor moves to the right of what was written no further than this, in columns.
const WIDEST: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Line {
    cells: Vec<Cell>,
    cursor: usize,
    /// Whether something was erased or written over: blanks at the end may be left of that.
    edited: bool,
    /// Where it goes on behind a log line, in columns.
    resumed: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    c: char,
    /// No output: it is gone once the line goes on.
    passing: bool,
}

impl Line {
    /// A line of which so much was written when something else came between.
    pub(super) fn interrupted(text: &str) -> Self {
        let mut line = Self::default();
        text.chars().for_each(|c| line.press(Key::Print(c)));
        line.resumed = (!line.cells.is_empty()).then_some(line.cells.len());
        line
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// What it shows, without what only passes.
    pub(super) fn text(&self) -> String {
        let kept = self.cells.iter().filter(|cell| !cell.passing);
        let mut text: String = kept.map(|cell| cell.c).collect();
        if self.edited {
            text.truncate(text.trim_end_matches(' ').len());
        }
        text
    }

    pub(super) fn resumed(&self) -> Option<usize> {
        let cells = self.cells.get(..self.resumed?)?;
        let kept = cells.iter().filter(|cell| !cell.passing);
        Some(kept.map(|cell| cell.c.len_utf8()).sum())
    }

    pub(super) fn passing(&mut self, at: usize) {
        let mut bytes = 0;
        for cell in self.cells.iter_mut().filter(|cell| !cell.passing) {
            cell.passing = bytes >= at;
            bytes += cell.c.len_utf8();
        }
    }

    pub(super) fn press(&mut self, key: Key) {
        match key {
            Key::Print(c) => self.print(c),
            Key::Return => self.go(0),
            Key::Back => self.go(self.cursor.saturating_sub(1)),
            Key::Left(columns) => self.go(self.cursor.saturating_sub(columns)),
            Key::Right(columns) => self.go(self.cursor.saturating_add(columns)),
            Key::Column(column) => self.go(column),
            Key::EraseRight => self.cells.truncate(self.cursor),
            Key::EraseAll => self.cells.clear(),
            Key::EraseLeft => {
                let end = self.cursor.min(self.cells.len());
                let erased = self.cells.iter_mut().take(end);
                erased.for_each(|cell| *cell = Cell::BLANK);
            }
            Key::Delete(columns) => {
                let begin = self.cursor.min(self.cells.len());
                let end = begin.saturating_add(columns).min(self.cells.len());
                self.cells.drain(begin..end);
            }
            Key::Feed => {}
        }
        self.edited |= matches!(
            key,
            Key::EraseRight | Key::EraseLeft | Key::EraseAll | Key::Delete(_)
        );
    }

    fn go(&mut self, column: usize) {
        self.cursor = column.min(self.cells.len().max(WIDEST));
        // Behind a log line some switches write the whole line again.
        if self.resumed.is_some_and(|resumed| self.cursor < resumed) {
            self.resumed = None;
        }
    }

    fn print(&mut self, c: char) {
        let cell = Cell { c, passing: false };
        if self.cursor > self.cells.len() {
            self.cells.resize(self.cursor, Cell::BLANK);
        }
        match self.cells.get_mut(self.cursor) {
            Some(written) => {
                *written = cell;
                self.edited = true;
            }
            None => self.cells.push(cell),
        }
        self.cursor += 1;
    }
}

impl Cell {
    const BLANK: Self = Self {
        c: ' ',
        passing: false,
    };
}
