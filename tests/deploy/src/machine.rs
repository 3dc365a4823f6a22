//! What these tests need of the machine: programs that it may or may not have, and folders of their own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A program of the machine, installed from its package where that is possible; without it the test is left out.
///
/// # Panics
/// Where `CI` is set and there is none.
pub(crate) fn program(program: &str, package: &str) -> Option<PathBuf> {
    let found = messenger_backing::find_or_install(program, package, &|line| println!("{line}"));
    found.inspect_err(|error| missing(&format!("{error:#}"))).ok()
}

/// Says that a test was left out for want of something. Continuous integration must have it.
///
/// # Panics
/// Where `CI` is set.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "this test needs {what}, and CI must not go without it");
    println!("left out: this machine has not got {what}");
}

/// A folder that is removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let own = format!("messenger-deploy-{name}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(own);
        // What a killed run of the same number left behind.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
