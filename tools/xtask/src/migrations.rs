//! Migrations only add: the program that is deployed meets the new schema before it is replaced. What takes something away
//! says in its file why nobody uses it any more.
//!
//! Looks at words, not at grammar: it knows comments, strings and bodies of functions, which it leaves out, and nothing else
//! of SQL. What it lets pass by mistake is found by the recorded statements of earlier versions.

mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use words::Script;

const FOLDERS: [&str; 2] = ["migrations/accounts", "migrations/messaging"];
/// The line that a file must have which takes something away, and a reason behind it.
const CONTRACT: &str = "contract:";
/// Released before there was this law, and never edited again; with what was taken away and why nobody misses it.
const RELEASED: [&str; 2] = [
    // Columns that no version has written or read; a constraint that the rows of earlier programs keep to.
    "V2__sessions_that_end.sql",
    // Constraints that a trigger took over, word for word.
    "V6__lean_send.sql",
];

/// # Errors
/// Names every statement that takes something away without a word.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut breaches = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).with_context(|| format!("read {folder}"))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if !path.is_file() || !name.ends_with(".sql") || RELEASED.contains(&name.as_str()) {
                continue;
            }
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {name}"))?;
            breaches.extend(inspect(&text).into_iter().map(|breach| format!("{folder}/{name}: {breach}")));
        }
    }
    ensure!(
        breaches.is_empty(),
        "a migration only adds, because the program that is deployed meets the new schema. What takes something away needs a line \
         `-- {CONTRACT} <why nobody uses it any more, since which version>` in its file:\n{}",
        breaches.join("\n")
    );
    Ok(())
}

/// What a file takes away, each with the statement that does.
fn inspect(text: &str) -> Vec<String> {
    let script = Script::read(text);
    if script
        .comments
        .iter()
        .any(|line| line.strip_prefix(CONTRACT).is_some_and(|why| !why.trim().is_empty()))
    {
        return Vec::new();
    }
    let statements: Vec<Vec<&str>> =
        script.statements.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
    let new: BTreeSet<&str> = statements.iter().filter_map(|words| created(words)).collect();
    let breaches = statements.iter().filter_map(|words| Some((taken(words, &new)?, words)));
    breaches.map(|(what, words)| format!("{what}: {}", words.join(" "))).collect()
}

/// The table that a statement makes.
fn created<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        ["CREATE", "TABLE", "IF", "NOT", "EXISTS", name, ..] | ["CREATE", "TABLE", name, ..] => Some(name),
        _ => None,
    }
}

/// What a statement takes from a program that does not know of it. What is made in the same file is nobody's yet.
fn taken(words: &[&str], new: &BTreeSet<&str>) -> Option<&'static str> {
    match words {
        ["DROP" | "TRUNCATE", ..] => Some("takes away"),
        ["CREATE", "UNIQUE", "INDEX", rest @ ..] => {
            let table =
                rest.iter().skip_while(|word| **word != "ON").find(|word| !["ON", "ONLY"].contains(word))?;
            (!new.contains(table)).then_some("refuses rows that were good")
        }
        ["ALTER", "TABLE", rest @ ..] => {
            let name = rest.iter().find(|word| !["IF", "EXISTS", "ONLY"].contains(word))?;
            if new.contains(name) { None } else { clauses(rest).into_iter().find_map(altered) }
        }
        ["ALTER", rest @ ..] if rest.contains(&"RENAME") || has(rest, &["SET", "SCHEMA"]) => {
            Some("gives another name")
        }
        _ => None,
    }
}

/// The parts of `ALTER TABLE` between the commas that are in no brackets.
fn clauses<'a, 'b>(words: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut depth = 0_u32;
    let is_end = |word: &&str| {
        match *word {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        *word == "," && depth == 0
    };
    words.split(is_end).collect()
}

fn altered(clause: &[&str]) -> Option<&'static str> {
    let clause = outside_brackets(clause);
    let clause = clause.as_slice();
    let adds = clause.iter().position(|word| *word == "ADD").map(|at| &clause[at + 1..]);
    let filled = ["DEFAULT", "GENERATED"].iter().any(|word| clause.contains(word));
    match adds {
        _ if clause.contains(&"RENAME") || has(clause, &["SET", "SCHEMA"]) => Some("gives another name"),
        Some(["CONSTRAINT" | "CHECK" | "UNIQUE" | "PRIMARY" | "FOREIGN" | "EXCLUDE", ..]) => {
            Some("refuses rows that were good")
        }
        Some(column) => {
            (has(column, &["NOT", "NULL"]) && !filled).then_some("wants a value of who does not know it")
        }
        None if clause.contains(&"DROP") => Some("takes away"),
        None if clause.contains(&"TYPE") => Some("gives another type"),
        None => has(clause, &["SET", "NOT", "NULL"]).then_some("wants a value of who does not know it"),
    }
}

/// What an expression in brackets says of NULL is not said of the column.
fn outside_brackets<'a>(clause: &[&'a str]) -> Vec<&'a str> {
    let mut depth = 0_u32;
    let is_outside = |word: &&&str| {
        match **word {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    clause.iter().filter(is_outside).copied().collect()
}

fn has(words: &[&str], row: &[&str]) -> bool {
    words.windows(row.len()).any(|window| window == row)
}
