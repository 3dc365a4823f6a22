//! Ends a child process when its parent is gone, however the parent ended.
//!
//! The guard is a shell that reads from a pipe whose other end only we hold. The kernel closes that end when we exit,
//! crash or are killed; the shell then reads end-of-file and sends the signal. Nothing polls, and no pid of ours can
//! be mistaken for another's.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

const SCRIPT: &str = r#"trap '' HUP INT TERM; read -r _; kill -s "$1" "$2""#;

/// Sends a signal to a process when the current process ends. Dropping the guard calls it off.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
}

impl Guard {
    /// Watches over process `pid`, which must be a child that has not been waited for yet.
    ///
    /// # Errors
    /// When no shell can be started.
    pub fn watch(pid: u32, signal: Signal) -> Result<Self> {
        let name = signal.as_str().trim_start_matches("SIG");
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard", name, &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal is for us alone: we stop our children in order.
            .process_group(0)
            .spawn()
            .context("start the guard of a child process")?;
        Ok(Self { shell })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only when the shell has ended already, which is what is wanted.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
