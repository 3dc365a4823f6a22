//! Known holes of the versions in Cargo.lock, read from a copy of RustSec's database: a folder for each crate, in it a
//! file for each advisory, TOML between fences of a Markdown text.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::packages::Lock;
use crate::supply::policy::Policy;

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    advisory: Advisory,
    versions: Versions,
}

#[derive(Debug, Deserialize)]
struct Advisory {
    id: String,
    package: String,
    /// Why it is no hole: the crate is unmaintained, or a notice.
    informational: Option<String>,
    withdrawn: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

pub(super) fn breaches(database: &Path, lock: &Lock, policy: &Policy) -> Result<Vec<String>> {
    let crates = database.join("crates");
    ensure!(crates.is_dir(), "{} is no advisory database: it has no folder `crates`", database.display());
    let mut found = Vec::new();
    for package in lock.package.iter().filter(|package| package.source.is_some()) {
        for path in files(&crates.join(&package.name))? {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let entry = Entry::parse(&text).with_context(|| format!("{}", path.display()))?;
            if entry.concerns(&package.name, &package.version) && !policy.ignores(&entry.advisory.id) {
                found.push(format!("{} {}: {}", package.name, package.version, entry.advisory.id));
            }
        }
    }
    Ok(found)
}

impl Entry {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let fenced = text.split_once("```toml").and_then(|(_, rest)| rest.split_once("```"));
        let (front, _) = fenced.context("no TOML between fences")?;
        toml::from_str(front).context("no advisory")
    }

    /// Unsound code counts as a hole; that nobody maintains a crate does not.
    pub(super) fn concerns(&self, package: &str, version: &Version) -> bool {
        let Self { advisory, versions } = self;
        let is_hole = advisory.informational.as_deref().is_none_or(|kind| kind == "unsound");
        let mut safe = versions.patched.iter().chain(&versions.unaffected);
        advisory.package == package
            && is_hole
            && advisory.withdrawn.is_none()
            && !safe.any(|safe| safe.matches(version))
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    Ok(files)
}
