//! One running process of a service.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use messenger_backing::Process;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::time::Instant;

use crate::http;
use crate::log::Log;
use crate::program::program;

/// How long a start, a stop or a log line may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often a state is looked at that nobody tells of.
const LOOK: Duration = Duration::from_millis(10);

/// How a process is started, the first time and again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// Name of the program.
    pub(crate) program: &'static str,
    /// Where it is; without a folder it is that of this build.
    pub(crate) folder: Option<PathBuf>,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl Launch {
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.environment.retain(|(known, _)| known != key);
        self.environment.push((key.to_owned(), value.into()));
    }

    /// Runs a subcommand to its end.
    pub(crate) async fn finish(&self, arguments: &[&str]) -> Result<()> {
        let (mut process, log) = self.spawn(arguments)?;
        let status = ended(&mut process, PATIENCE).await?;
        if !status.success() {
            bail!("{} {arguments:?}: {status}\n{}", self.program, log.finished(PATIENCE).await?);
        }
        Ok(())
    }

    fn path(&self) -> Result<PathBuf> {
        match &self.folder {
            Some(folder) => Ok(folder.join(self.program)),
            None => program(self.program),
        }
    }

    /// Runs a command to its end, however that is.
    async fn ask(&self, arguments: &[&str]) -> Result<Told> {
        let mut command = tokio::process::Command::new(self.path()?);
        command.args(arguments).env_clear().envs(self.environment.iter().cloned());
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, output).await.context("the command goes on and on")??;
        Ok(Told {
            code: output.status.code(),
            out: String::from_utf8(output.stdout)?,
            log: String::from_utf8(output.stderr)?,
        })
    }

    fn spawn(&self, arguments: &[&str]) -> Result<(Process, Arc<Log>)> {
        let mut command = Command::new(self.path()?);
        command.args(arguments).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::spawn(self.program, &mut command, Signal::SIGKILL)?;
        let log = Log::read(process.take_stderr().context("standard error is no pipe")?);
        Ok((process, log))
    }
}

/// What a command has told.
#[derive(Debug)]
pub struct Told {
    /// Its exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub log: String,
}

impl Told {
    /// Its answer, a JSON object a line; it must have succeeded.
    ///
    /// # Panics
    /// When it has not, or told something else.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{self:?}");
        let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.out.lines().map(line).collect()
    }

    /// As [`Told::lines`], of which there must be one.
    ///
    /// # Panics
    /// When there are more or fewer.
    #[must_use]
    pub fn line(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }
}

/// A service that serves, or did. Dropping it kills it.
#[derive(Debug)]
pub struct Service {
    launch: Launch,
    process: Process,
    log: Arc<Log>,
    /// What earlier processes of this service had to say.
    earlier: Vec<Arc<Log>>,
    http: String,
    admin: String,
}

impl Service {
    /// Starts it and waits until it listens.
    pub(crate) async fn start(launch: Launch) -> Result<Self> {
        let (process, log) = launch.spawn(&["serve"])?;
        let (http, admin) = (listener(&log, "http").await?, listener(&log, "admin").await?);
        Ok(Self { launch, process, log, earlier: Vec::new(), http, admin })
    }

    /// Changes the environment of what is started from now on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.launch.set(key, value);
    }

    /// Runs a subcommand of the same program with the same environment to its end.
    ///
    /// # Errors
    /// It fails; the message has its log.
    pub async fn run(&self, arguments: &[&str]) -> Result<()> {
        self.launch.finish(arguments).await
    }

    /// Runs a command of an operator with the same environment, and with `settings`.
    pub(crate) async fn ask(&self, arguments: &[&str], settings: &[(&str, String)]) -> Result<Told> {
        let mut launch = self.launch.clone();
        for (key, value) in settings {
            launch.set(key, value);
        }
        launch.ask(arguments).await
    }

    /// From the next start on it is the program in `folder`, or without one that of this build.
    pub(crate) fn change(&mut self, folder: Option<&Path>) {
        self.launch.folder = folder.map(Path::to_owned);
    }

    /// How the program of this build would be started in its place.
    pub(crate) fn of_this_build(&self) -> Launch {
        Launch { folder: None, ..self.launch.clone() }
    }

    /// Where another listener than the public one and the admin's listens.
    pub(crate) async fn listener(&self, name: &str) -> Result<String> {
        listener(&self.log, name).await
    }

    /// Starts it again after its end; `addresses` are the listeners that stay where they were, each by the environment's
    /// key of its address and by its name.
    pub(crate) async fn start_again(&mut self, addresses: &[(&str, &str)]) -> Result<()> {
        if self.process.exited()?.is_none() {
            bail!("{} is still running", self.launch.program);
        }
        let mut launch = self.launch.clone();
        for (key, name) in addresses {
            launch.set(key, self.listener(name).await?);
        }
        let started = Self::start(launch).await?;
        self.earlier.push(Arc::clone(&self.log));
        (self.process, self.log, self.admin) = (started.process, started.log, started.admin);
        Ok(())
    }

    /// Waits until it is ready to serve.
    pub(crate) async fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = match http::get(&self.admin, "/readyz").await {
                Ok((200, _)) => return Ok(()),
                Ok((status, body)) => format!("{status} {body}"),
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() >= deadline {
                bail!("{} is not ready: {told}", self.launch.program);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// `host:port` of the public listener.
    #[must_use]
    pub fn http(&self) -> &str {
        &self.http
    }

    /// `host:port` of the admin listener.
    #[must_use]
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Log of the latest process.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Logs of all its processes, the oldest first.
    #[must_use]
    pub fn all_logs(&self) -> String {
        let logs = self.earlier.iter().chain([&self.log]);
        logs.map(|log| log.text()).collect::<Vec<_>>().join("\n")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When that is not allowed.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal).unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub async fn exit(&mut self, limit: Duration) -> ExitStatus {
        ended(&mut self.process, limit).await.unwrap_or_else(|error| panic!("{error:#}"))
    }
}

async fn ended(process: &mut Process, limit: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = process.exited()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            bail!("{} still runs after {limit:?}", process.name());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where a listener listens, as the process says.
async fn listener(log: &Log, name: &str) -> Result<String> {
    let address = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        let is_it = event["message"] == "listening" && event["listener"] == name;
        is_it.then(|| event["address"].as_str().map(str::to_owned)).flatten()
    };
    let line = log.wait_for(PATIENCE, |line| address(line).is_some()).await;
    let line = line.with_context(|| format!("wait for the {name} listener:\n{}", log.tail(20)))?;
    address(&line).context("read the address")
}
