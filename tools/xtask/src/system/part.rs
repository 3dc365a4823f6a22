//! One running program of the system: its output, its readiness, its end.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use messenger_backing::Process;
use nix::sys::signal::Signal;

use crate::console::Console;
use crate::interrupt::Interrupt;

/// Lines of a part's output that are kept for the report of its end.
const KEPT: usize = 15;
const LOOK: Duration = Duration::from_millis(50);
/// How long one readiness check may take.
const ANSWER: Duration = Duration::from_secs(2);

/// A program under a name, its output shown line by line.
#[derive(Debug)]
pub(super) struct Part {
    process: Process,
    recent: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Part {
    pub(super) fn start(name: &str, mut command: Command, console: Console) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(name, &mut command, Signal::SIGKILL)?;
        let recent = Arc::new(Mutex::new(VecDeque::with_capacity(KEPT)));
        let outputs = [
            process.take_stdout().map(|output| Box::new(output) as Box<dyn Read + Send>),
            process.take_stderr().map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        let readers = outputs.into_iter().flatten();
        let readers =
            readers.map(|output| follow(output, name.to_owned(), Arc::clone(&recent), console)).collect();
        Ok(Self { process, recent, readers })
    }

    pub(super) fn name(&self) -> &str {
        self.process.name()
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Waits until `path` on the port is answered with 200.
    pub(super) fn ready(
        &mut self,
        port: u16,
        path: &str,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !answers_ok(port, path) {
            interrupt.check()?;
            self.check()?;
            if Instant::now() > deadline {
                bail!("{} is not ready after {} s{}", self.name(), patience.as_secs(), self.last_lines());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits for a program that does its work and ends.
    pub(super) fn finish(&mut self, patience: Duration, interrupt: &Interrupt) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            interrupt.check()?;
            match self.process.wait(LOOK)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.ended(status)),
                None if Instant::now() > deadline => {
                    bail!("{} takes more than {} s", self.name(), patience.as_secs())
                }
                None => {}
            }
        }
    }

    /// # Errors
    /// When it has ended: its status and its last lines.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.process.exited()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Asks it to end, and kills it when it does not.
    pub(super) fn stop(&mut self, patience: Duration) -> Result<()> {
        self.process.stop(&[(Signal::SIGTERM, patience)]).map(drop)
    }

    fn ended(&mut self, status: ExitStatus) -> anyhow::Error {
        // What it wrote last is still on its way.
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        anyhow::anyhow!("{} ended by itself ({status}){}", self.name(), self.last_lines())
    }

    fn last_lines(&self) -> String {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.is_empty() {
            return ", without a word".to_owned();
        }
        recent.iter().fold(", its last lines were:".to_owned(), |text, line| format!("{text}\n  {line}"))
    }
}

fn follow(
    output: Box<dyn Read + Send>,
    name: String,
    recent: Arc<Mutex<VecDeque<String>>>,
    console: Console,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            console.part(&name, &line);
            let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
            if recent.len() == KEPT {
                recent.pop_front();
            }
            recent.push_back(line);
        }
    })
}

fn answers_ok(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut status = String::new();
        BufReader::new(stream.take(256)).read_line(&mut status)?;
        Ok(status.split(' ').nth(1) == Some("200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests;
