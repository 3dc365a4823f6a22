//! SQL as words: statements without comments, strings and bodies of functions.

/// What changes a schema.
const VERBS: [&str; 4] = ["ALTER", "CREATE", "DROP", "TRUNCATE"];

/// A file of SQL.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Words in capitals, and signs.
    pub(super) statements: Vec<Vec<String>>,
    /// Lines behind `--`.
    pub(super) comments: Vec<String>,
}

impl Script {
    pub(super) fn read(text: &str) -> Self {
        let mut script = Self::default();
        script.take(text);
        script
    }

    fn take(&mut self, text: &str) {
        let (mut rest, mut statement) = (text, Vec::new());
        while let Some(sign) = rest.chars().next() {
            let end = if rest.starts_with("--") {
                let end = until(rest, 2, "\n");
                self.comments.push(rest[2..end].trim().to_owned());
                end
            } else if rest.starts_with("/*") {
                until(rest, 2, "*/")
            } else if sign == '\'' {
                // Two in a row are read as two strings, of which nothing is kept either.
                until(rest, 1, "'")
            } else if sign == '"' {
                let end = until(rest, 1, "\"");
                statement.push(rest[..end].trim_matches('"').to_uppercase());
                end
            } else if let Some(tag) = dollar(rest) {
                let end = until(rest, tag.len(), tag);
                // What `DO` runs it runs at once.
                if statement.first().is_some_and(|word: &String| word == "DO") {
                    let inside = Self::read(rest[..end].trim_start_matches(tag).trim_end_matches(tag));
                    self.comments.extend(inside.comments);
                    self.statements.extend(inside.statements.into_iter().map(bare));
                }
                end
            } else if sign.is_alphanumeric() || sign == '_' {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                statement.push(rest[..end].to_uppercase());
                end
            } else {
                match sign {
                    ';' => self.statements.push(std::mem::take(&mut statement)),
                    _ if sign.is_whitespace() => {}
                    _ => statement.push(sign.to_string()),
                }
                sign.len_utf8()
            };
            rest = &rest[end..];
        }
        self.statements.push(statement);
    }
}

/// A statement of a block, without `BEGIN`, `IF … THEN` and the like before it.
fn bare(mut words: Vec<String>) -> Vec<String> {
    let begin = words.iter().position(|word| VERBS.contains(&word.as_str()));
    words.split_off(begin.unwrap_or_default())
}

/// Where what begins here is over: behind `mark`, or at the end of the text.
fn until(text: &str, from: usize, mark: &str) -> usize {
    text[from..].find(mark).map_or(text.len(), |at| from + at + mark.len())
}

/// The opening of a string in dollars: `$$` or `$word$`.
fn dollar(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('$')?;
    let end = tag.find('$')?;
    let is_tag = tag[..end].chars().all(|c| c.is_alphabetic() || c == '_');
    is_tag.then(|| &text[..end + 2])
}
