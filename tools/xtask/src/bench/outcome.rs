//! The result of a run, as it is kept.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::load::Load;

/// File of the latest result.
pub(super) const LATEST: &str = "latest.json";
/// File of the one before.
const PREVIOUS: &str = "previous.json";

/// Everything that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) conditions: Conditions,
    pub(super) limits: Limits,
    pub(super) loads: Vec<Load>,
}

/// What must be the same for two results to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conditions {
    pub(super) profile: String,
    pub(super) seconds: u64,
    pub(super) gateways: usize,
}

impl Outcome {
    /// Writes it into `folder`; returns the one before, if this version can read it.
    pub(super) fn keep(&self, folder: &Path) -> Result<Option<Self>> {
        let (latest, previous) = (folder.join(LATEST), folder.join(PREVIOUS));
        let before = std::fs::read(&latest).ok();
        if before.is_some() {
            std::fs::rename(&latest, &previous).with_context(|| format!("write {}", previous.display()))?;
        }
        let text = serde_json::to_vec_pretty(self)?;
        std::fs::write(&latest, text).with_context(|| format!("write {}", latest.display()))?;
        Ok(before.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    /// A load of that name.
    pub(super) fn load(&self, name: &str) -> Option<&Load> {
        self.loads.iter().find(|load| load.name == name)
    }
}
