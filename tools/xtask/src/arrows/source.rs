//! Just enough of Rust's grammar to tell code from comments, strings and inline tests.

/// A file's code: comments gone, string literals apart.
#[derive(Debug)]
pub(super) struct Source {
    /// As long as the original, with spaces where comments and the insides of literals were.
    code: String,
    /// Where each string literal begins in `code`, and what it holds.
    strings: Vec<(usize, String)>,
}

/// Beginnings of SQL statements, as the code writes them.
const STATEMENTS: [&str; 12] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "WITH ",
    "CREATE ",
    "ALTER ",
    "DROP ",
    "TRUNCATE ",
    "LOCK TABLE ",
    "CALL ",
    "SET LOCAL ",
];
const SHOWN: usize = 24;

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let mut scanner = Scanner {
            bytes: text.as_bytes(),
            at: 0,
            code: String::with_capacity(text.len()),
            strings: vec![],
        };
        while scanner.at < scanner.bytes.len() {
            scanner.step();
        }
        let mut source = Self { code: scanner.code, strings: scanner.strings };
        // Inline tests stand at the foot of a file.
        if let Some(end) = source.code.find("#[cfg(test)]\nmod tests {") {
            source.code.truncate(end);
            source.strings.retain(|(at, _)| *at < end);
        }
        source
    }

    /// Lines that name `path::…` or import it whole, where `path` starts at a crate's root.
    pub(super) fn paths_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(path).filter(|(at, _)| self.is_path(*at, path)).map(|(at, _)| self.line(at))
    }

    /// Identifiers, cut into their words, in lower case and singular.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        let mut at = 0;
        self.code.split_inclusive(|c: char| !c.is_alphanumeric()).flat_map(move |piece| {
            let line = self.line(at);
            at += piece.len();
            let parts = humps(piece.trim_end_matches(|c: char| !c.is_alphanumeric()));
            parts
                .into_iter()
                .map(move |word| (line, word.trim_end_matches('s').to_owned()))
                .collect::<Vec<_>>()
        })
    }

    /// String literals that begin as SQL does: line and beginning.
    pub(super) fn statements(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        let is_sql = |text: &str| STATEMENTS.iter().any(|start| text.trim_start().starts_with(start));
        let found = self.strings.iter().filter(move |(_, text)| is_sql(text));
        found.map(|(at, text)| (self.line(*at), text.trim_start().chars().take(SHOWN).collect()))
    }

    /// Those of them that are the pattern of a `format!`.
    pub(super) fn formatted_statements(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        let is_pattern = |at: usize| {
            self.code[..at].trim_end().trim_end_matches(['r', '#']).trim_end().ends_with("format!(")
        };
        let lines: Vec<usize> =
            self.strings.iter().filter(|(at, _)| is_pattern(*at)).map(|(at, _)| self.line(*at)).collect();
        self.statements().filter(move |(line, _)| lines.contains(line))
    }

    /// Top-level modules of the own package that are named, by a file that lies `depth` modules deep.
    pub(super) fn module_uses(&self, depth: usize) -> impl Iterator<Item = (usize, String)> + '_ {
        let own = self
            .code
            .match_indices("crate::")
            .filter(|(at, _)| self.is_start(*at))
            .map(|(at, _)| at + "crate::".len());
        let supers = "super::".repeat(depth);
        let steps: Vec<usize> = self.code.match_indices("super::").map(|(at, _)| at).collect();
        let up = steps.into_iter().filter(move |at| {
            let rest = &self.code[*at..];
            depth > 0
                && self.is_start(*at)
                && rest.starts_with(&supers)
                && !rest[supers.len()..].starts_with("super::")
        });
        let length = depth * "super::".len();
        own.chain(up.map(move |at| at + length)).flat_map(|at| {
            let line = self.line(at);
            heads(&self.code[at..]).into_iter().map(move |head| (line, head))
        })
    }

    fn is_path(&self, at: usize, path: &str) -> bool {
        let after = &self.code[at + path.len()..];
        let imported = self.code[..at].trim_end().ends_with("use") && after.starts_with([';', ' ']);
        self.is_start(at) && (after.starts_with("::") || imported)
    }

    /// Not in the middle of an identifier or of a longer path.
    fn is_start(&self, at: usize) -> bool {
        let before = &self.code[..at];
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') && !before.ends_with("::")
    }

    fn line(&self, at: usize) -> usize {
        1 + self.code[..at].bytes().filter(|byte| *byte == b'\n').count()
    }
}

/// The first names of a path or of a group of paths: `a::b` has `a`, `{a::b, c}` has `a` and `c`.
fn heads(text: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = text.strip_prefix('{') else { return vec![name(text)] };
    let mut found = vec![name(group.trim_start())];
    let mut depth = 0_u32;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(name(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// `sendBatch`, `SendBatch` → `send`, `batch`.
fn humps(word: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for c in word.chars() {
        match found.last_mut() {
            Some(last) if !c.is_uppercase() => last.push(c),
            _ => found.push(c.to_lowercase().collect()),
        }
    }
    found
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    code: String,
    strings: Vec<(usize, String)>,
}

impl Scanner<'_> {
    fn step(&mut self) {
        let rest = &self.bytes[self.at..];
        match rest {
            [b'/', b'/', ..] => self.blank(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
            [b'/', b'*', ..] => self.blank(block_comment(rest)),
            [b'"', ..] => self.string(1, string_end(&rest[1..]), 1),
            [b'r', b'"' | b'#', ..] if !self.code.ends_with(is_name) => self.raw_string(),
            [b'\'', b'\\', ..] => {
                self.blank(3 + rest[3..].iter().take_while(|byte| **byte != b'\'').count() + 1);
            }
            [b'\'', _, b'\'', ..] => self.blank(3),
            [byte, ..] => {
                // Names and punctuation are ASCII; of anything else only the length matters.
                self.code.push(if byte.is_ascii() { char::from(*byte) } else { ' ' });
                self.at += 1;
            }
            [] => {}
        }
    }

    fn raw_string(&mut self) {
        let rest = &self.bytes[self.at + 1..];
        let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
        if rest.get(hashes) != Some(&b'"') {
            return self.copy(1); // a raw identifier
        }
        let mut end = vec![b'"'];
        end.resize(1 + hashes, b'#');
        let inside = &rest[hashes + 1..];
        let length = inside.windows(end.len()).position(|window| window == end).unwrap_or(inside.len());
        self.string(2 + hashes, length, end.len());
    }

    /// A literal: its quotes stay, its inside moves into `strings`.
    fn string(&mut self, open: usize, length: usize, close: usize) {
        let inside = &self.bytes[self.at + open..self.at + open + length];
        self.strings.push((self.at, String::from_utf8_lossy(inside).into_owned()));
        self.copy(open);
        self.blank(length);
        self.copy(close.min(self.bytes.len() - self.at));
    }

    fn copy(&mut self, length: usize) {
        let kept = &self.bytes[self.at..self.at + length];
        self.code.extend(kept.iter().map(|byte| char::from(*byte)));
        self.at += length;
    }

    fn blank(&mut self, length: usize) {
        let gone = &self.bytes[self.at..(self.at + length).min(self.bytes.len())];
        self.code.extend(gone.iter().map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
        self.at += gone.len();
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn string_end(inside: &[u8]) -> usize {
    let mut at = 0;
    while at < inside.len() && inside[at] != b'"' {
        at += if inside[at] == b'\\' { 2 } else { 1 };
    }
    at.min(inside.len())
}

fn block_comment(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}
