//! Where an accounts service of the tests keeps its signing key.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// A folder for the signing key, removed when dropped.
#[derive(Debug)]
pub(crate) struct KeyFolder(PathBuf);

impl KeyFolder {
    pub(crate) fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("messenger-keys-{}-{number}", std::process::id()));
        // What a killed run of the same number left behind.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// The folder, for what else belongs to the cluster.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file, which the service creates on its first start.
    pub(crate) fn file(&self) -> String {
        self.0.join("signing.pem").display().to_string()
    }
}

impl Drop for KeyFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
