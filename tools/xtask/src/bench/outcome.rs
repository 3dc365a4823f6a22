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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::limits::{Echo, Inserts};
    use crate::bench::load::tests::load;

    /// Two loads like those of [`load`].
    pub(in crate::bench) fn outcome() -> Outcome {
        let postgres = Inserts {
            single_one_connection: 500.0,
            single_eight_connections: 1_600.0,
            batched: 20_000.0,
            send_batch: 4_000.0,
        };
        Outcome {
            conditions: Conditions { profile: "up".to_owned(), seconds: 10, gateways: 2 },
            limits: Limits { postgres, echo: Echo { per_second: 123_456.0, p50: 2_000, p99: 9_990 } },
            loads: vec![load("private"), load("group")],
        }
    }

    #[test]
    fn the_result_before_is_kept_and_returned() {
        let folder = std::env::temp_dir().join(format!("messenger-outcome-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let mut outcome = outcome();
        assert!(outcome.keep(&folder).expect("first").is_none());
        outcome.conditions.gateways = 3;
        let before = outcome.keep(&folder).expect("second").expect("the first one");
        assert_eq!(before.conditions.gateways, 2);
        let previous = std::fs::read(folder.join(PREVIOUS)).expect("previous");
        let previous: Outcome = serde_json::from_slice(&previous).expect("JSON");
        assert_eq!(previous.conditions, before.conditions);
        std::fs::write(folder.join(LATEST), "of another version").expect("write");
        assert!(outcome.keep(&folder).expect("third").is_none());
        std::fs::remove_dir_all(&folder).expect("remove");
    }
}
