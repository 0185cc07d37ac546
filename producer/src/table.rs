//! Tables as the vendor's command line prints them: an ASCII box with a rule between every two
//! rows, and a caption below. Where that does not fit, and for one thing alone, lines.

use comfy_table::{
    Cell, ColumnConstraint, ContentLineStyle, LineStyle, Table as Grid, TableStyle, Width,
};
use console::measure_text_width;

use crate::text::printable;

const RULE: LineStyle = LineStyle::new('+', '-', '+', '+');
const CONTENT: ContentLineStyle = ContentLineStyle::new('|', '|', '|');
const BOX: TableStyle = TableStyle::new()
    .top_border(RULE)
    .header_lines(CONTENT)
    .header_separator(RULE)
    .content_lines(CONTENT)
    .row_separator(RULE)
    .bottom_border(RULE);

/// The widest text in one line; longer ones are wrapped. An execution id fits.
const WIDEST_TEXT: u16 = 40;
/// A blank on each side of a text.
const PADDING: u16 = 2;
/// Where a terminal is so narrow that less is left, lines are longer than it.
const NARROWEST_TEXT: usize = 10;

/// Rows of text under fixed columns.
pub(crate) struct Table {
    caption: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    is_lines: bool,
}

impl Table {
    pub(crate) fn new<const N: usize>(
        caption: &'static str,
        columns: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        Self {
            caption,
            columns: columns.to_vec(),
            rows: rows.into_iter().map(Vec::from).collect(),
            is_lines: false,
        }
    }

    /// The same, always as lines: for a single thing.
    pub(crate) fn in_lines(mut self) -> Self {
        self.is_lines = true;
        self
    }

    /// The table's text. Where it is wider than the terminal that it is meant for, each row becomes
    /// lines, one for each column.
    pub(crate) fn render(&self, terminal_width: Option<u16>) -> String {
        let wide = boxed(&self.columns, &self.rows);
        let width = wide.lines().next().map_or(0, str::len);
        let fits = terminal_width.is_none_or(|terminal| width <= usize::from(terminal));
        let body = match fits && !self.is_lines {
            true => wide,
            false => self.lines(terminal_width.map_or(usize::MAX, usize::from)),
        };
        format!("{body}\n{}\n", self.caption)
    }

    fn lines(&self, terminal_width: usize) -> String {
        let labels = self.columns.iter().map(|label| label.len()).max();
        // A colon and a blank.
        let indent = labels.unwrap_or(0) + 2;
        let widest = terminal_width.saturating_sub(indent).max(NARROWEST_TEXT);
        let blocks = self.rows.iter().map(|row| {
            let mut block = String::new();
            for (label, value) in self.columns.iter().zip(row) {
                let mut label = format!("{label}:");
                for line in wrapped(&printable(value), widest) {
                    let line = format!("{label:<indent$}{line}");
                    block.push_str(line.trim_end());
                    block.push('\n');
                    label.clear();
                }
            }
            block
        });
        blocks.collect::<Vec<_>>().join("\n")
    }
}

/// The text in lines of at most `widest` columns, broken between words where that is possible.
fn wrapped(text: &str, widest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let mut word = word;
            let blank = usize::from(!line.is_empty());
            if width(&line) + blank + width(word) > widest && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            while width(word) > widest {
                let (part, rest) = word.split_at(bytes_within(word, widest));
                lines.push(part.to_owned());
                word = rest;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// How many bytes of the text take no more than so many columns; of one character at least.
fn bytes_within(text: &str, widest: usize) -> usize {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let first = text.chars().next().map_or(0, char::len_utf8);
    let within = ends.take_while(|&end| width(&text[..end]) <= widest);
    within.last().unwrap_or(first)
}

fn boxed(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut grid = Grid::new();
    grid.load_style(BOX);
    grid.set_header(header.iter().map(Cell::new));
    for row in rows {
        grid.add_row(row.iter().map(|text| Cell::new(printable(text))));
    }
    if grid.row_count() == 0 {
        grid.style_mut().bottom_border = LineStyle::none();
    }
    let needed = grid.column_max_content_widths();
    for (column, needed) in grid.column_iter_mut().zip(needed) {
        if needed > WIDEST_TEXT {
            let width = Width::Fixed(WIDEST_TEXT + PADDING);
            column.set_constraint(ColumnConstraint::Absolute(width));
        }
    }
    grid.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 2]]) -> Table {
        let rows = rows.iter().map(|row| row.map(str::to_owned));
        Table::new("Node Details", ["Node Name", "Role"], rows)
    }

    #[test]
    fn has_a_rule_between_every_two_rows() {
        let expected = "\
+-----------+---------+
| Node Name | Role    |
+-----------+---------+
| tpvm1     | active  |
+-----------+---------+
| tpvm2     | standby |
+-----------+---------+
Node Details
";
        let table = table(&[["tpvm1", "active"], ["tpvm2", "standby"]]);
        assert_eq!(table.render(None), expected);
        assert_eq!(table.render(Some(23)), expected);
    }

    #[test]
    fn without_rows_is_a_header() {
        let expected =
            "+-----------+------+\n| Node Name | Role |\n+-----------+------+\nNode Details\n";
        assert_eq!(table(&[]).render(None), expected);
    }

    #[test]
    fn when_the_terminal_is_narrow_then_rows_are_lines() {
        let expected = "\
Node Name: tpvm1
Role:      the one

Node Name: tpvm2
Role:

Node Details
";
        let table = table(&[["tpvm1", "the one"], ["tpvm2", ""]]);
        assert_eq!(table.render(Some(21)), expected);
        assert_eq!(table.in_lines().render(None), expected);
    }

    #[test]
    fn when_lines_are_wrapped_then_none_is_too_long_and_nothing_is_lost() {
        let id = "01926e5a-7b1c-7cc3-98c4-dc0c0c07398f";
        let long = format!("{} {id} {} ü\n\nend", "word ".repeat(30), "x".repeat(200));
        for terminal in 60..=120 {
            let text = table(&[[id, &long]]).in_lines().render(Some(terminal));
            let terminal = usize::from(terminal);
            assert!(text.lines().all(|line| width(line) <= terminal), "{text}");
            // The id is whole in both places, and so is everything else.
            assert_eq!(text.matches(id).count(), 2, "{text}");
            assert_eq!(text.matches("word").count(), 30);
            assert_eq!(text.matches('x').count(), 200);
        }
    }

    #[test]
    fn wraps_long_texts_and_strips_control_characters() {
        let text = table(&[["tpvm1", &format!("\u{1b}[31m{}", "word ".repeat(40))]]).render(None);
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
