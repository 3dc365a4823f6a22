//! The services' programs, which cargo puts beside the tests and does not build for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

/// What to do about a program that is missing or old; `cargo xtask test` does it by itself.
const BUILD: &str = "build it with `cargo build -p messenger-accounts -p messenger-gateway`";

/// The program `name` of the profile that the running test was built with. Looked at once a process: who edits while
/// the tests run does not disturb them.
///
/// # Errors
/// When it was not built, or one of the sources that it was built from has changed since.
pub(crate) fn program(name: &'static str) -> Result<PathBuf> {
    static FOUND: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = found.get(name) {
        return Ok(program.clone());
    }
    let program = find(name)?;
    found.insert(name, program.clone());
    Ok(program)
}

fn find(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("find the running program")?;
    let folder = own.parent().context("find the folder of the programs")?;
    // Tests lie one deeper than programs.
    let folder = folder.parent().filter(|_| folder.ends_with("deps")).unwrap_or(folder);
    let program = folder.join(name);
    let Ok(built) = modified(&program) else {
        bail!("there is no {}: {BUILD}", program.display());
    };
    // Cargo's own list: sources of the program and of every package of this workspace in it, and nothing else.
    let list = program.with_extension("d");
    let list = std::fs::read_to_string(&list).with_context(|| format!("read {}: {BUILD}", list.display()))?;
    for source in sources(&list) {
        if modified(&source).map_or(true, |changed| changed > built) {
            bail!("{} is older than {}: {BUILD}", program.display(), source.display());
        }
    }
    Ok(program)
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    std::fs::metadata(path)?.modified()
}

/// The prerequisites of a makefile's only rule; a space in a name is written with a backslash.
fn sources(list: &str) -> Vec<PathBuf> {
    let (_, list) = list.split_once(": ").unwrap_or(("", list));
    let list = list.replace("\\ ", "\0");
    list.split_whitespace().map(|source| PathBuf::from(source.replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_with_spaces_stay_whole() {
        let found = sources("/t/debug/accounts: /a/b.rs /with\\ space/c.rs\n");
        assert_eq!(found, [PathBuf::from("/a/b.rs"), PathBuf::from("/with space/c.rs")]);
    }

    #[test]
    fn a_missing_program_says_how_to_build_it() {
        let problem = program("no-such-service").expect_err("there is none").to_string();
        assert!(problem.contains("cargo build -p messenger-accounts -p messenger-gateway"), "{problem}");
    }
}
