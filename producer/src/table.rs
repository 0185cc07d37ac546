//! Tables as the vendor's command line prints them: an ASCII box with a rule between every two
//! rows, and a caption below.

use comfy_table::{
    Cell, ColumnConstraint, ContentLineStyle, LineStyle, Table as Grid, TableStyle, Width,
};

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

/// Rows of text under fixed columns.
pub(crate) struct Table {
    caption: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
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
        }
    }

    /// The table's text. Where it is wider than the terminal that it is meant for, each row
    /// becomes a box of its own with one line for each column.
    pub(crate) fn render(&self, terminal_width: Option<u16>) -> String {
        let wide = boxed(
            Some(&self.columns),
            self.rows.iter().map(Vec::as_slice),
            &vec![WIDEST_TEXT; self.columns.len()],
        );
        let width = wide.lines().next().map_or(0, str::len);
        let body = match terminal_width {
            Some(terminal) if width > usize::from(terminal) => self.upright(terminal),
            _ => wide,
        };
        format!("{body}\n{}\n", self.caption)
    }

    fn upright(&self, terminal_width: u16) -> String {
        let labels = self.columns.iter().map(|label| label.len()).max();
        let labels = u16::try_from(labels.unwrap_or(0)).unwrap_or(u16::MAX);
        let bars = 3;
        let values = terminal_width.saturating_sub(bars + PADDING + labels + PADDING);
        let widest = [labels, values.max(1)];
        let boxes: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let lines: Vec<[String; 2]> = self
                    .columns
                    .iter()
                    .zip(row)
                    .map(|(label, value)| [(*label).to_owned(), value.clone()])
                    .collect();
                boxed(None, lines.iter().map(<[String; 2]>::as_slice), &widest)
            })
            .collect();
        boxes.join("\n")
    }
}

fn boxed<'a>(
    header: Option<&[&str]>,
    rows: impl Iterator<Item = &'a [String]>,
    widest: &[u16],
) -> String {
    let mut grid = Grid::new();
    grid.load_style(BOX);
    if let Some(header) = header {
        grid.set_header(header.iter().map(Cell::new));
    }
    for row in rows {
        grid.add_row(row.iter().map(|text| Cell::new(printable(text))));
    }
    if grid.row_count() == 0 {
        grid.style_mut().bottom_border = LineStyle::none();
    }
    let needed = grid.column_max_content_widths();
    for ((column, needed), &widest) in grid.column_iter_mut().zip(needed).zip(widest) {
        if needed > widest {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(widest + PADDING)));
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
    fn stands_upright_where_the_terminal_is_narrow() {
        let expected = "\
+-----------+-------+
| Node Name | tpvm1 |
+-----------+-------+
| Role      | the   |
|           | one   |
+-----------+-------+
Node Details
";
        assert_eq!(table(&[["tpvm1", "the one"]]).render(Some(21)), expected);
    }

    #[test]
    fn wraps_long_texts_and_strips_control_characters() {
        let text = table(&[["tpvm1", &format!("\u{1b}[31m{}", "word ".repeat(40))]]).render(None);
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
