//! The architecture as a test: which library may be named where, which module may use which, and the small laws of
//! the tree. What is allowed is data, in `table.rs`.

mod source;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use source::Source;
use table::{LIBRARIES, Law, PACKAGES};

/// Folders with Rust code, from the root of the working copy.
const FOLDERS: [&str; 4] = ["crates", "services", "tools", "tests"];

/// # Errors
/// Names every breach: file, line, what was found and why it is not allowed.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut breaches = Vec::new();
    for path in files(root)? {
        let text = std::fs::read_to_string(root.join(&path)).with_context(|| format!("read {path}"))?;
        breaches.extend(inspect(&path, &text));
    }
    if breaches.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    bail!("{} breaches of the architecture:\n{}", lines.len(), lines.join("\n"))
}

#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    line: usize,
    what: String,
    why: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.what, self.why)
    }
}

/// All rules for one file; `path` starts at the root of the working copy.
fn inspect(path: &str, text: &str) -> Vec<Breach> {
    let source = Source::parse(text);
    let mut found = Vec::new();
    let mut breach = |line: usize, what: String, why: &str| {
        found.push(Breach { path: path.to_owned(), line, what, why: why.to_owned() });
    };
    let lines = text.lines().count();
    if lines > table::LINES_MAX {
        breach(
            table::LINES_MAX,
            format!("{lines} lines"),
            "a file has at most 400: split it by what it does",
        );
    }
    for name in path.split('/').map(|part| part.trim_end_matches(".rs")) {
        if table::DRAWERS.contains(&name) {
            breach(1, format!("`{name}`"), "a drawer for anything: name it for what it does");
        }
    }
    if is_test(path) {
        return found;
    }
    for library in LIBRARIES.iter().filter(|library| !allowed(path, library.only_in)) {
        for (name, line) in
            library.names.iter().flat_map(|name| source.paths_of(name).map(move |line| (name, line)))
        {
            breach(line, format!("`{name}`"), library.why);
        }
    }
    for law in table::LAWS.iter().filter(|law| allowed(path, law.within) && !allowed(path, law.except)) {
        for (line, what) in broken(law, &source) {
            breach(line, what, law.why);
        }
    }
    found.extend(module_arrows(path, &source));
    found
}

fn broken(law: &Law, source: &Source) -> Vec<(usize, String)> {
    match law.forbids {
        table::Forbidden::Path(name) => {
            source.paths_of(name).map(|line| (line, format!("`{name}`"))).collect()
        }
        table::Forbidden::Words(words) => {
            source.words().filter(|(_, word)| words.contains(&&**word)).collect()
        }
        table::Forbidden::Sql => {
            source.statements().map(|(line, start)| (line, format!("\"{start}…\""))).collect()
        }
        table::Forbidden::FormattedSql => source
            .formatted_statements()
            .map(|(line, start)| (line, format!("format!(\"{start}…\")")))
            .collect(),
    }
}

/// Uses of another top-level module of the same package which the table does not list.
fn module_arrows(path: &str, source: &Source) -> Vec<Breach> {
    let Some((package, inside)) = PACKAGES.iter().find_map(|package| {
        let inside = path.strip_prefix(package.folder)?.strip_prefix('/')?;
        Some((package, inside))
    }) else {
        return Vec::new();
    };
    let module = module_path(inside);
    let Some(room) = module.first() else { return Vec::new() };
    let breach = |line, what, why| Breach { path: path.to_owned(), line, what, why };
    let Some((_, may_use)) = package.rooms.iter().find(|(name, _)| name == room) else {
        let why = format!("{} has no such room: add it to the table with its arrows", package.folder);
        return vec![breach(1, format!("module `{room}`"), why)];
    };
    let targets = source.module_uses(module.len());
    let strange = targets.filter(|(_, target)| target != room && !may_use.contains(&target.as_str()));
    let known = strange.filter(|(_, target)| package.rooms.iter().any(|(name, _)| name == target));
    known
        .map(|(line, target)| {
            breach(line, format!("{room} → {target}"), format!("{room} may use {}", may_use.join(", ")))
        })
        .collect()
}

/// `a/b/mod.rs` and `a/b.rs` are the module `a::b`; `lib.rs` and `main.rs` are the root.
fn module_path(inside: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
        parts.pop();
    }
    parts
}

/// Whether a path is below one of the places; a place that ends with `.rs` is one file.
fn allowed(path: &str, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| path == *place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')))
}

/// Tests and benchmarks may look behind doors that are closed to the code.
fn is_test(path: &str) -> bool {
    let is_test = |part: &str| ["tests", "benches"].contains(&part) || part.ends_with("_tests");
    path.starts_with("tests/") || path.trim_end_matches(".rs").split('/').any(is_test)
}

fn files(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = FOLDERS.map(PathBuf::from).to_vec();
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(root.join(&folder)).with_context(|| format!("read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
