//! The process of our own PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::Progress;
use crate::home::Place;
use crate::port::{free_port, is_free};
use crate::postgres::cluster::{self, Binaries, Layout, USER};
use crate::postgres::{Durability, PostgresOptions};
use crate::process::{self, Process, signal_pid, tail};

/// A start may have to replay the log of a crash.
pub(super) const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
/// How long a stop waits for open transactions to roll back and for the last checkpoint.
const STOP: Duration = Duration::from_secs(20);

const COMMON: [(&str, &str); 7] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "300"),
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_min_messages", "warning"),
];
const DURABLE: [(&str, &str); 4] =
    [("fsync", "on"), ("synchronous_commit", "on"), ("shared_buffers", "256MB"), ("max_wal_size", "2GB")];
const DISPOSABLE: [(&str, &str); 5] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
];

/// A PostgreSQL server of our own. Dropping it stops it.
#[derive(Debug)]
pub struct PostgresServer {
    place: Place,
    binaries: Binaries,
    durability: Durability,
    settings: Vec<(String, String)>,
    password: String,
    /// Names and passwords.
    roles: Vec<(String, String)>,
    port: u16,
    process: Process,
}

impl PostgresServer {
    pub(super) fn start(
        binaries: Binaries,
        options: &PostgresOptions<'_>,
        progress: Progress<'_>,
    ) -> Result<Self> {
        let place = options.place.clone();
        stop_leftover(&place)?;
        let old = Layout::of(&place);
        let promoted = old.data().exists() && !old.password().exists();
        if promoted || old.data().join("standby.signal").exists() {
            // What a standby has left is a copy that takes no writes, or one whose password is in another place.
            std::fs::remove_dir_all(&old.root).context("remove the data of a standby")?;
        }
        let layout = cluster::prepare(&place, &binaries, options.durability, options.databases, progress)?;
        let password = std::fs::read_to_string(layout.password()).context("read PostgreSQL's password")?;
        let mut settings: Vec<_> =
            options.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(files) = options.tls {
            settings.extend(tls(&place, &layout, files)?);
        }
        let role = |name: &&str| Ok(((*name).to_owned(), cluster::role(&place, &binaries, name)?));
        let roles = options.roles.iter().map(role).collect::<Result<Vec<_>>>()?;
        let remembered = std::fs::read_to_string(layout.port()).ok().and_then(|text| text.parse().ok());
        let mut port = remembered.filter(|port| is_free(*port));
        let deadline = Instant::now() + START;
        loop {
            let chosen = port.take().map_or_else(|| free_port(place.seed()), Ok)?;
            let attempt = launch(&place, &binaries, options.durability, &settings, chosen)?;
            match until_ready(attempt, &layout, deadline)? {
                Started::Ready(process) => {
                    place.write(&layout.port(), &chosen.to_string())?;
                    let durability = options.durability;
                    return Ok(Self {
                        place,
                        binaries,
                        durability,
                        settings,
                        password,
                        roles,
                        port: chosen,
                        process,
                    });
                }
                // Another process was quicker: the next search passes its port over.
                Started::PortTaken | Started::OldMemory if Instant::now() < deadline => {}
                Started::PortTaken | Started::OldMemory => {
                    bail!("PostgreSQL cannot start:\n{}", tail(&layout.log()))
                }
            }
        }
    }

    /// Another server with the same binaries, password and settings, on data that are there. It waits for no standby.
    pub(super) fn twin(&self, place: &Place, port: u16) -> Result<Self> {
        let own = self.settings.iter().filter(|(name, _)| name != "synchronous_standby_names");
        let settings: Vec<_> = own.cloned().collect();
        let layout = Layout::of(place);
        let attempt = launch(place, &self.binaries, self.durability, &settings, port)?;
        let Started::Ready(process) = until_ready(attempt, &layout, Instant::now() + START)? else {
            bail!("port {port} was taken by another process");
        };
        place.write(&layout.port(), &port.to_string())?;
        let (binaries, password) = (self.binaries.clone(), self.password.clone());
        let roles = self.roles.clone();
        Ok(Self {
            place: place.clone(),
            binaries,
            durability: self.durability,
            settings,
            password,
            roles,
            port,
            process,
        })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn bin(&self) -> Result<PathBuf> {
        self.binaries.bin()
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durability == Durability::Durable
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    pub(super) fn role_url(&self, role: &str, database: &str) -> Option<String> {
        let (name, password) = self.roles.iter().find(|(name, _)| name == role)?;
        Some(format!("postgres://{name}:{password}@127.0.0.1:{}/{database}", self.port))
    }

    /// TCP port on 127.0.0.1; the same after every restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it ended without being told to.
    ///
    /// # Errors
    /// When the operating system does not know our child.
    pub fn crashed(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.process.exited()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&Layout::of(&self.place).log())
    }

    /// Ends it as a power cut would: no checkpoint, connections are cut; what was committed is in the log.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop_immediate(&mut self) -> Result<()> {
        self.process.stop(&[(Signal::SIGQUIT, STOP)]).map(drop)
    }

    /// Starts it again after a stop, with the same data, port and password.
    ///
    /// # Errors
    /// When it still runs, or does not come up within a minute.
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.exited()?.is_none() {
            bail!("PostgreSQL is still running");
        }
        let layout = Layout::of(&self.place);
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            let attempt = launch(&self.place, &self.binaries, self.durability, &self.settings, self.port)?;
            if let Started::Ready(process) = until_ready(attempt, &layout, deadline)? {
                self.process = process;
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        bail!("PostgreSQL cannot start again:\n{}", tail(&layout.log()))
    }

    /// [`PostgresServer::stop_immediate`] and [`PostgresServer::start_again`] in one.
    ///
    /// # Errors
    /// As those two.
    pub fn restart_immediate(&mut self) -> Result<()> {
        self.stop_immediate()?;
        self.start_again()
    }

    /// Stops all its processes where they are, connections open: a machine that hangs.
    ///
    /// # Errors
    /// When a process cannot be signalled.
    pub fn freeze(&mut self) -> Result<()> {
        // The postmaster first: it must not start new children while we look for them.
        self.process.signal(Signal::SIGSTOP)?;
        children(self.pid())?.into_iter().try_for_each(|pid| signal_pid(pid, Signal::SIGSTOP))
    }

    /// Lets it go on after [`PostgresServer::freeze`].
    ///
    /// # Errors
    /// When a process cannot be signalled.
    pub fn thaw(&mut self) -> Result<()> {
        children(self.pid())?.into_iter().try_for_each(|pid| signal_pid(pid, Signal::SIGCONT))?;
        self.process.signal(Signal::SIGCONT)
    }

    /// Stops it in order: open transactions are rolled back, then (if its data matter) a checkpoint is written.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(&mut self) -> Result<()> {
        let steps: &[_] = match self.durability {
            Durability::Durable => &[(Signal::SIGINT, STOP), (Signal::SIGQUIT, STOP)],
            Durability::Disposable => &[(Signal::SIGQUIT, STOP)],
        };
        self.process.stop(steps).map(drop)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // There is nobody to tell; the guard and the next start's take-over remain.
        let _ = self.stop();
    }
}

/// The server believes only in files of its own.
fn tls(place: &Place, layout: &Layout, files: [&Path; 2]) -> Result<Vec<(String, String)>> {
    let mut settings = vec![("ssl".to_owned(), "on".to_owned())];
    for (file, setting) in files.into_iter().zip(["ssl_cert_file", "ssl_key_file"]) {
        let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        let own = layout.root.join(setting);
        place.write(&own, &text)?;
        settings.push((setting.to_owned(), own.display().to_string()));
    }
    Ok(settings)
}

/// Stops a server that a killed run left in this place.
pub(crate) fn stop_leftover(place: &Place) -> Result<()> {
    let data = Layout::of(place).data();
    let Ok(text) = std::fs::read_to_string(data.join("postmaster.pid")) else { return Ok(()) };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse().ok()) else { return Ok(()) };
    let data = data.to_string_lossy();
    process::stop_leftover(pid, |line| line.contains(&*data), &[Signal::SIGINT, Signal::SIGQUIT])
}

fn launch(
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
    settings: &[(String, String)],
    port: u16,
) -> Result<Process> {
    let layout = Layout::of(place);
    let log = place.create(&layout.log())?;
    let mut command = place.command(&binaries.postgres());
    command.arg("-D").arg(layout.data()).args(["-p", &port.to_string()]);
    let (mode, orphaned): (&[(&str, &str)], _) = match durability {
        Durability::Durable => (&DURABLE, Signal::SIGINT),
        Durability::Disposable => (&DISPOSABLE, Signal::SIGQUIT),
    };
    let extra = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in COMMON.iter().chain(mode).copied().chain(extra) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log));
    Process::spawn("PostgreSQL", &mut command, orphaned)
}

enum Started {
    Ready(Process),
    PortTaken,
    /// The children of a killed server have not all gone yet.
    OldMemory,
}

fn until_ready(mut process: Process, layout: &Layout, deadline: Instant) -> Result<Started> {
    while Instant::now() < deadline {
        if let Some(status) = process.exited()? {
            let log = tail(&layout.log());
            return match () {
                () if log.contains("Address already in use") => Ok(Started::PortTaken),
                () if log.contains("shared memory block") => Ok(Started::OldMemory),
                () => bail!("PostgreSQL did not start ({status}):\n{log}"),
            };
        }
        if is_ready(&layout.data(), process.pid()) {
            return Ok(Started::Ready(process));
        }
        std::thread::sleep(LOOK);
    }
    bail!("PostgreSQL was not ready after {} s:\n{}", START.as_secs(), tail(&layout.log()))
}

/// The server writes its state into the eighth line of this file, for `pg_ctl` and for us.
fn is_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = std::fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
}

fn children(parent: u32) -> Result<Vec<u32>> {
    let output =
        std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().context("run ps")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pairs = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(str::parse::<u32>);
        Some((words.next()?.ok()?, words.next()?.ok()?))
    });
    Ok(pairs.filter(|(_, ppid)| *ppid == parent).map(|(pid, _)| pid).collect())
}
