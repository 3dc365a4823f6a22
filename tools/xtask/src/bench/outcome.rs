//! The result of a run, as it is kept.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::load::{Load, Step};
use super::origin::Origin;
use super::report::Messages;

/// File of the latest result.
pub(super) const LATEST: &str = "latest.json";
/// File of the one before.
const PREVIOUS: &str = "previous.json";
/// Folder of those that were given a name.
const KEPT: &str = "kept";

/// Everything that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) conditions: Conditions,
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    pub(super) loads: Vec<Load>,
    pub(super) series: Vec<Step>,
    /// What could not be measured, and why.
    pub(super) failures: Vec<String>,
}

/// What must be the same for two results to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conditions {
    pub(super) profile: String,
    pub(super) seconds: u64,
    pub(super) gateways: usize,
    pub(super) full: bool,
    /// Only scenarios with this word.
    pub(super) only: Option<String>,
}

impl Outcome {
    /// Makes it the latest one of `folder`, and the one that was it the previous one.
    pub(super) fn keep(&self, folder: &Path) -> Result<()> {
        let (latest, previous) = (folder.join(LATEST), folder.join(PREVIOUS));
        if latest.exists() {
            std::fs::rename(&latest, &previous).with_context(|| format!("write {}", previous.display()))?;
        }
        self.write(&latest)
    }

    /// Stores it under a name that no later run takes away.
    pub(super) fn keep_as(&self, folder: &Path, name: &Name) -> Result<PathBuf> {
        let file = name.file(folder);
        std::fs::create_dir_all(folder.join(KEPT)).context("make the folder of kept results")?;
        self.write(&file)?;
        Ok(file)
    }

    /// The latest result that was measured in the same way, if this version can read it.
    pub(super) fn before(&self, folder: &Path) -> Option<Self> {
        [LATEST, PREVIOUS]
            .iter()
            .filter_map(|name| Self::read(&folder.join(name)).ok())
            .find(|before| self.is_like(before))
    }

    /// The result of that name.
    pub(super) fn kept(folder: &Path, name: &Name) -> Result<Self> {
        Self::read(&name.file(folder))
    }

    /// Whether figures of both can be compared.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.conditions == other.conditions
    }

    /// A load of that name.
    pub(super) fn load(&self, name: &str) -> Option<&Load> {
        self.loads.iter().find(|load| load.name == name)
    }

    /// What a load of messages of that name led to.
    pub(super) fn messages(&self, name: &str) -> Option<&Messages> {
        self.load(name)?.report.messages()
    }

    /// The loads and those of the series.
    pub(super) fn all_loads(&self) -> impl Iterator<Item = &Load> {
        self.loads.iter().chain(self.series.iter().map(|step| &step.load))
    }

    fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("read {}", file.display()))
    }

    fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
    }
}

/// Name of a kept result: letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone)]
pub(super) struct Name(String);

impl Name {
    fn file(&self, folder: &Path) -> PathBuf {
        folder.join(KEPT).join(format!("{}.json", self.0))
    }
}

impl std::str::FromStr for Name {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        ensure!(!text.is_empty() && text.chars().all(allowed), "a name is made of a-z, A-Z, 0-9, -, _ and .");
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::fixture::outcome;

    #[test]
    fn results_are_compared_with_the_last_one_of_their_kind() {
        let folder = std::env::temp_dir().join(format!("messenger-outcome-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let (mut short, full) = (outcome(), outcome());
        short.conditions.full = false;
        assert!(short.before(&folder).is_none());
        short.keep(&folder).expect("first");
        assert!(full.before(&folder).is_none(), "another kind");
        full.keep(&folder).expect("second");
        assert!(short.before(&folder).is_some(), "the one before the latest");
        assert!(full.before(&folder).is_some());
        full.keep(&folder).expect("third");
        assert!(short.before(&folder).is_none(), "two are kept");
        std::fs::write(folder.join(LATEST), "of another version").expect("write");
        assert!(full.before(&folder).is_some());
        let name: Name = "2026-08.before".parse().expect("a name");
        assert!(Outcome::kept(&folder, &name).is_err());
        short.keep_as(&folder, &name).expect("keep");
        assert!(Outcome::kept(&folder, &name).expect("kept").is_like(&short));
        std::fs::remove_dir_all(&folder).expect("remove");
    }

    #[test]
    fn a_name_stays_in_its_folder() {
        assert!("../latest".parse::<Name>().is_err());
        assert!("".parse::<Name>().is_err());
    }
}
