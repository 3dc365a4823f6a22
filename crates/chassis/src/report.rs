//! What a command of an operator tells: for programs one JSON object a line, for people tables of the same fields, and
//! for the log who did it.
//!
//! Knows nothing of what it shows: the fields and their order are those of the values.

use std::fmt;
use std::io::{self, Write};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::command::Manner;

/// Where a command tells what it has found or done.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    manner: Manner,
    /// Whether the table that is being written has its first line.
    headed: bool,
}

impl<W: Write> Report<W> {
    /// Writes to `out`, as JSON or as tables.
    pub fn new(out: W, manner: Manner) -> Self {
        Self { out, manner, headed: false }
    }

    /// A line of the log: what is about to be done to what has this number, and who does it.
    pub fn audit(&self, action: &'static str, subject: Option<i64>) {
        let by = self.manner.by.as_deref().unwrap_or("unknown");
        tracing::info!(target: "audit", action, subject, by, "audit");
    }

    /// One thing: a line for each field, and lists of things as tables below.
    ///
    /// # Errors
    /// The output is closed.
    pub fn one(&mut self, thing: &impl Serialize) -> io::Result<()> {
        if self.manner.json {
            return self.object(thing);
        }
        let (mut lists, mut fields) = (Vec::new(), Vec::new());
        for (name, value) in Fields::of(thing)?.0 {
            match serde_json::from_str::<Vec<Fields>>(value.get()) {
                Ok(list) => lists.push((name, list)),
                Err(_) => fields.push((name, value)),
            }
        }
        let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in fields {
            writeln!(self.out, "{name:<width$}  {}", cell(&value))?;
        }
        for (name, list) in lists {
            writeln!(self.out, "\n{name}")?;
            self.headed = false;
            self.table(&list)?;
        }
        Ok(())
    }

    /// Some things of one kind. May be called again with the next ones: they belong to the same list.
    ///
    /// # Errors
    /// The output is closed.
    pub fn rows<T: Serialize>(&mut self, things: &[T]) -> io::Result<()> {
        if self.manner.json {
            return things.iter().try_for_each(|thing| self.object(thing));
        }
        let rows = things.iter().map(Fields::of).collect::<io::Result<Vec<_>>>()?;
        self.table(&rows)
    }

    /// One thing as a line of JSON, whatever was asked for: what only programs read.
    ///
    /// # Errors
    /// The output is closed.
    pub fn object(&mut self, thing: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, thing)?;
        self.out.write_all(b"\n")
    }

    fn table(&mut self, rows: &[Fields]) -> io::Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        let names = first.0.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let cells = rows.iter().map(|row| row.0.iter().map(|(_, value)| cell(value)).collect::<Vec<_>>());
        let mut lines = if self.headed { Vec::new() } else { vec![names.clone()] };
        self.headed = true;
        lines.extend(cells);
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths = (0..names.len()).map(width).collect::<Vec<_>>();
        for line in &lines {
            let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(self.out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A value on one line, without what a terminal would obey.
fn cell(value: &RawValue) -> String {
    let text = match serde_json::from_str(value.get()) {
        Ok(Value::Null) => "-".to_owned(),
        Ok(Value::String(text)) => text,
        _ => value.get().to_owned(),
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Fields in the order in which they were declared, which a [`Value`] forgets.
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    fn of(thing: &impl Serialize) -> io::Result<Self> {
        Ok(serde_json::from_str(&serde_json::to_string(thing)?)?)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        zeal: u32,
        about: Option<&'static str>,
    }

    #[derive(Serialize)]
    struct Whole {
        name: &'static str,
        rows: Vec<Row>,
        end: bool,
    }

    fn told(json: bool, tell: impl FnOnce(&mut Report<Vec<u8>>)) -> String {
        let mut report = Report::new(Vec::new(), Manner { json, by: None });
        tell(&mut report);
        String::from_utf8(report.out).unwrap()
    }

    #[test]
    fn rows_are_a_table_or_a_line_each() {
        let rows = [Row { zeal: 7, about: None }, Row { zeal: 10_000, about: Some("x\u{1b}[2J") }];
        let tell = |report: &mut Report<Vec<u8>>| {
            report.rows(&rows).unwrap();
            report.rows(&[Row { zeal: 8, about: None }]).unwrap();
        };
        assert_eq!(told(false, tell), "zeal   about\n7      -\n10000  x\u{fffd}[2J\n8  -\n");
        let lines = told(true, tell);
        assert_eq!(lines.lines().next(), Some("{\"zeal\":7,\"about\":null}"));
        assert_eq!(lines.lines().count(), 3);
    }

    #[test]
    fn one_thing_has_its_fields_in_their_order_and_its_lists_below() {
        let whole = Whole { name: "it", rows: vec![Row { zeal: 1, about: Some("b") }], end: true };
        let tell = |report: &mut Report<Vec<u8>>| report.one(&whole).unwrap();
        assert_eq!(told(false, tell), "name  it\nend   true\n\nrows\nzeal  about\n1     b\n");
        assert_eq!(
            told(true, tell),
            "{\"name\":\"it\",\"rows\":[{\"zeal\":1,\"about\":\"b\"}],\"end\":true}\n"
        );
    }
}
