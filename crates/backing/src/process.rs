//! A child process that is stopped in order, or by its guard.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guard::Guard;

/// How often the state of a process is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(10);
/// How long a process that was killed may take to vanish.
const KILLED: Duration = Duration::from_secs(10);
/// Log lines that an error shows.
const SHOWN: usize = 12;

/// A child in a process group of its own, so that a Ctrl-C in the terminal does not reach it.
/// Dropping it kills it; call [`Process::stop`] first to end it gently.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Option<Guard>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts the command; `orphaned` is the signal it gets should we end before it.
    ///
    /// # Errors
    /// When the program or its guard cannot be started.
    pub fn spawn(name: &str, command: &mut Command, orphaned: Signal) -> Result<Self> {
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name} ({})", command.get_program().to_string_lossy()))?;
        let mut process = Self { name: name.to_owned(), child, guard: None, status: None };
        process.guard = Some(Guard::watch(process.pid(), orphaned)?);
        Ok(process)
    }

    /// The name it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process id, as the operating system's tools show it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output, once, if the command asked for a pipe.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, once, if the command asked for a pipe.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// The exit status, if it has ended.
    ///
    /// # Errors
    /// When the operating system does not know our child.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait().with_context(|| format!("look after {}", self.name))?;
            if self.status.is_some() {
                // Its pid may now be given to another process, which the guard must not hit.
                self.guard = None;
            }
        }
        Ok(self.status)
    }

    /// Waits until it has ended; `None` when it still runs after `patience`.
    ///
    /// # Errors
    /// As [`Process::exited`].
    pub fn wait(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.exited()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Sends a signal; nothing happens when the process has ended.
    ///
    /// # Errors
    /// When we may not signal it.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exited()?.is_some() {
            return Ok(());
        }
        signal_pid(self.pid(), signal).with_context(|| format!("send {signal} to {}", self.name))
    }

    /// Sends each signal in turn and waits as long as it says; kills the process if it outlives them all.
    ///
    /// # Errors
    /// When it cannot be signalled, or even a kill does not end it.
    pub fn stop(&mut self, steps: &[(Signal, Duration)]) -> Result<ExitStatus> {
        for (signal, patience) in steps.iter().copied().chain([(Signal::SIGKILL, KILLED)]) {
            self.signal(signal)?;
            // A frozen process would never notice.
            self.signal(Signal::SIGCONT)?;
            if let Some(status) = self.wait(patience)? {
                return Ok(status);
            }
        }
        bail!("{} (pid {}) does not end, not even when killed", self.name, self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell; the guard and the next start's take-over remain.
        let _ = self.stop(&[]);
    }
}

/// The last lines of a log file.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// Sends a signal to any process; one that is gone already counts as done.
pub(crate) fn signal_pid(pid: u32, signal: Signal) -> Result<()> {
    match kill(Pid::from_raw(i32::try_from(pid)?), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The command line of a running process, if there is one of that id.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    let shown = if Path::new("/proc/self").exists() {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    } else {
        let output = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    Some(shown.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Stops what an earlier run left behind: process `pid`, provided that its command line is recognised as ours.
pub(crate) fn stop_leftover(pid: u32, is_ours: impl Fn(&str) -> bool, signals: &[Signal]) -> Result<()> {
    for signal in signals.iter().copied().chain([Signal::SIGKILL]) {
        let deadline = Instant::now() + KILLED;
        if !command_line(pid).is_some_and(|line| is_ours(&line)) {
            return Ok(());
        }
        signal_pid(pid, signal)?;
        signal_pid(pid, Signal::SIGCONT)?;
        while Instant::now() < deadline {
            if command_line(pid).is_none_or(|line| !is_ours(&line)) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }
    bail!("process {pid}, left by an earlier run, does not end")
}
