//! A table of figures, for the terminal and for the page.

use std::fmt::Write as _;

use super::unit::{Unit, change};

/// Room for the names of rows in the terminal; longer names make a table wider.
const NAME_WIDTH: usize = 50;
const GAP: usize = 2;

/// Named rows under a header.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: String,
    /// One word for each cell of a row.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
    /// Lines below the row: what went wrong.
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Cell {
    text: String,
    change: Option<String>,
    mood: Mood,
}

/// How a cell should strike the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mood {
    #[default]
    Neutral,
    Good,
    Bad,
}

impl Table {
    pub(super) fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, name: &str, cells: Vec<Cell>) {
        self.rows.push(Row { name: name.to_owned(), cells, notes: Vec::new() });
    }

    /// Lines below the last row.
    pub(super) fn note(&mut self, notes: Vec<String>) {
        if let Some(row) = self.rows.last_mut() {
            row.notes = notes;
        }
    }

    /// Lines for a terminal, each column as wide as it must be.
    pub(super) fn text(&self) -> String {
        let names = self.rows.iter().map(|row| row.name.chars().count() + GAP);
        let first = names.chain([NAME_WIDTH, self.title.chars().count()]).max().unwrap_or(NAME_WIDTH);
        let width = |(index, column): (usize, &String)| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
            let widths = cells.flat_map(|cell| [&*cell.text, cell.change.as_deref().unwrap_or_default()]);
            widths.chain([&**column]).map(|text| text.chars().count()).max().unwrap_or(0) + GAP
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(width).collect();
        let mut text = String::new();
        let mut line = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
            let mut line = format!("{name:<first$}");
            for (cell, width) in cells.zip(&widths) {
                // A string never fails to grow.
                let _ = write!(line, "{cell:>width$}");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        };
        line(&self.title, &mut self.columns.iter().map(|column| &**column));
        for row in &self.rows {
            line(&format!("  {}", row.name), &mut row.cells.iter().map(|cell| &*cell.text));
            if row.cells.iter().any(|cell| cell.change.is_some()) {
                let changes = row.cells.iter().map(|cell| cell.change.as_deref().unwrap_or_default());
                line("    since the result before", &mut { changes });
            }
            row.notes.iter().for_each(|note| line(&format!("    {note}"), &mut std::iter::empty()));
        }
        text
    }

    /// As HTML, below a heading of its own.
    pub(super) fn html(&self) -> String {
        let header = self.columns.iter().fold(String::new(), |header, column| {
            format!("{header}<th scope=\"col\">{}</th>", escape(column))
        });
        let rows: String = self.rows.iter().map(|row| row.html(self.columns.len())).collect();
        format!(
            "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">{}</th>{header}</tr></thead>\
             <tbody>{rows}</tbody></table></div>\n",
            escape(&self.title)
        )
    }
}

impl Row {
    fn html(&self, columns: usize) -> String {
        let cells: String = self.cells.iter().map(Cell::html).collect();
        let mut html = format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&self.name));
        for note in &self.notes {
            let span = columns + 1;
            let _ = writeln!(html, "<tr><td class=\"note\" colspan=\"{span}\">{}</td></tr>", escape(note));
        }
        html
    }
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A dash where there is no figure.
    pub(super) fn figure(unit: Unit, now: Option<f64>, before: Option<f64>) -> Self {
        now.map_or_else(
            || Self::text("–"),
            |now| Self { text: unit.number(now), change: change(now, before), mood: Mood::Neutral },
        )
    }

    /// The same with its unit, where a column has several.
    pub(super) fn with_unit(unit: Unit, now: f64, before: Option<f64>) -> Self {
        Self { text: unit.show(now), change: change(now, before), mood: Mood::Neutral }
    }

    pub(super) fn mood(self, mood: Mood) -> Self {
        Self { mood, ..self }
    }

    fn html(&self) -> String {
        let class = match self.mood {
            Mood::Neutral => "",
            Mood::Good => " class=\"good\"",
            Mood::Bad => " class=\"bad\"",
        };
        let change = self.change.as_ref().map_or(String::new(), |change| format!("<small>{change}</small>"));
        format!("<td{class}>{}{change}</td>", escape(&self.text))
    }
}

/// Text where HTML is expected.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("Rates", &["a second", "p50 ms"]);
        table.row(
            "one <row>",
            vec![
                Cell::figure(Unit::PerSecond, Some(12_000.0), Some(10_000.0)),
                Cell::figure(Unit::Millis, None, Some(1.0)),
            ],
        );
        table.note(vec!["2 times: no reply".to_owned()]);
        table
    }

    #[test]
    fn text_is_in_columns() {
        let text = table().text();
        let lines: Vec<&str> = text.lines().collect();
        let ends = |line: &str, word: &str| {
            line[..line.find(word).expect(word)].chars().count() + word.chars().count()
        };
        assert_eq!(ends(lines[0], "a second"), ends(lines[1], "12,000"));
        assert_eq!(ends(lines[1], "12,000"), ends(lines[2], "+20 %"));
        assert_eq!(lines[3].trim(), "2 times: no reply");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn html_is_escaped_and_tells_changes() {
        let html = table().html();
        assert!(html.contains("<th scope=\"row\">one &lt;row&gt;</th>"), "{html}");
        assert!(html.contains("<td>12,000<small>+20 %</small></td><td>–</td>"), "{html}");
        assert!(html.contains("colspan=\"3\">2 times: no reply"), "{html}");
    }
}
