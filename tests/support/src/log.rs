//! What a process writes to its standard error, kept line by line while it runs.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::watch;

/// Lines kept of one process; what comes after them is counted and not kept.
const LINES_MAX: usize = 200_000;

/// The lines of one process so far. Belongs to no runtime: a thread reads, any test waits.
#[derive(Debug)]
pub struct Log {
    lines: Mutex<Vec<String>>,
    /// Changes with every line, and with the end.
    end: watch::Sender<bool>,
}

impl Log {
    /// Reads `source` to its end on a thread of its own.
    pub(crate) fn read(source: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self { lines: Mutex::default(), end: watch::Sender::new(false) });
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                writer.add(String::from_utf8_lossy(&line).into_owned());
            }
            writer.end.send_replace(true);
        });
        log
    }

    /// All lines so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// The last `count` lines.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    /// Waits for the first line that `wanted` accepts, also among those that are there.
    ///
    /// # Errors
    /// When the process ends, or `limit` passes, without it.
    pub async fn wait_for(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let mut seen = 0;
        let mut grown = self.end.subscribe();
        let search = async {
            loop {
                let ended = *grown.borrow_and_update();
                {
                    let lines = self.lines();
                    if let Some(line) = lines[seen..].iter().find(|line| wanted(line)) {
                        return Ok(line.clone());
                    }
                    seen = lines.len();
                }
                if ended {
                    bail!("the process ended");
                }
                grown.changed().await.context("the reader of the log has gone")?;
            }
        };
        tokio::time::timeout(limit, search).await.context("no such line in time")?
    }

    /// Everything, once the process has closed its standard error.
    ///
    /// # Errors
    /// When it is still open after `limit`.
    pub async fn finished(&self, limit: Duration) -> Result<String> {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(|ended| *ended);
        tokio::time::timeout(limit, ended).await.context("standard error stays open")??;
        Ok(self.text())
    }

    fn add(&self, line: String) {
        let mut lines = self.lines();
        if lines.len() < LINES_MAX {
            lines.push(line);
            drop(lines);
            self.end.send_replace(false);
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        // Held for single calls that leave the list whole.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn waits_for_a_line_that_comes_late_and_finds_an_old_one() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let log = Log::read(reader);
        let waiting = log.wait_for(LONG, |line| line == "two");
        let writing = async {
            std::io::Write::write_all(&mut writer, b"one\ntwo\n\xff\n").expect("write");
        };
        assert_eq!(tokio::join!(waiting, writing).0.expect("the line"), "two");
        assert_eq!(log.wait_for(LONG, |line| line == "one").await.expect("the line"), "one");
        drop(writer);
        let problem = log.wait_for(LONG, |line| line == "three").await.expect_err("no such line");
        assert_eq!(problem.to_string(), "the process ended");
        assert_eq!(log.finished(LONG).await.expect("the text"), "one\ntwo\n\u{fffd}");
        assert_eq!(log.tail(1), "\u{fffd}");
    }
}
