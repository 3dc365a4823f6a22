//! A PgBouncer before one of our PostgreSQL servers, for tests.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use crate::Progress;
use crate::home::Place;
use crate::packages::find_or_install;
use crate::port::free_port;
use crate::process::{Process, tail};

/// How long a start may take.
const START: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);

/// What a PgBouncer is to do.
#[derive(Debug)]
pub struct PgBouncerOptions<'a> {
    /// Where its files live.
    pub place: &'a Place,
    /// Its configuration, but for what is said here.
    pub configuration: &'a str,
    /// The database that it leads to.
    pub database: &'a str,
    /// The port of PostgreSQL on this machine.
    pub server: u16,
    /// Names and passwords of those who may come in, there as well as here.
    pub users: &'a [(&'a str, &'a str)],
    /// Further settings; they win over the configuration.
    pub settings: &'a [(&'a str, &'a str)],
}

/// A running PgBouncer. Dropping it kills it.
#[derive(Debug)]
pub struct PgBouncer {
    place: Place,
    program: PathBuf,
    port: u16,
    process: Process,
}

impl PgBouncer {
    /// Starts it, installed before where that is possible, and waits until it listens.
    ///
    /// # Errors
    /// There is none, or it does not come up (the message has its last log lines).
    pub fn start(options: &PgBouncerOptions<'_>, progress: Progress<'_>) -> Result<Self> {
        let (place, program) = (options.place.clone(), find_or_install("pgbouncer", "pgbouncer", progress)?);
        let port = free_port(place.seed())?;
        place.make_dir(&folder(&place))?;
        let users = options.users.iter().map(|(name, password)| format!("\"{name}\" \"{password}\"\n"));
        place.write(&folder(&place).join("userlist.txt"), &users.collect::<String>())?;
        place.write(&file(&place), &configuration(options, port))?;
        let process = launch(&place, &program, port)?;
        Ok(Self { place, program, port, process })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it where it stands.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.stop(&[]).map(drop)
    }

    /// Starts it again after its end, on the same port.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = launch(&self.place, &self.program, self.port)?;
        Ok(())
    }
}

fn folder(place: &Place) -> PathBuf {
    place.dir().join("pgbouncer")
}

fn file(place: &Place) -> PathBuf {
    folder(place).join("pgbouncer.ini")
}

/// The configuration must end in the section `pgbouncer`, which may begin only once: each time it forgets what it had. Of a
/// key there the last value counts.
fn configuration(options: &PgBouncerOptions<'_>, port: u16) -> String {
    let PgBouncerOptions { place, configuration, database, server, settings, .. } = options;
    let section = format!("[databases]\n{database} = host=127.0.0.1 port={server} dbname={database}");
    let users = folder(place).join("userlist.txt");
    let settings: String = settings.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!(
        "{}\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_file = {}\n{settings}",
        configuration.replacen("[databases]", &section, 1),
        users.display()
    )
}

fn launch(place: &Place, program: &Path, port: u16) -> Result<Process> {
    let log = folder(place).join("log");
    let output = place.create(&log)?;
    let mut command = place.command(program);
    command.arg(file(place)).stdout(Stdio::from(output.try_clone()?)).stderr(Stdio::from(output));
    let mut process = Process::spawn("PgBouncer", &mut command, Signal::SIGKILL)?;
    let deadline = Instant::now() + START;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if process.exited()?.is_some() || Instant::now() >= deadline {
            bail!("PgBouncer does not listen:\n{}", tail(&log));
        }
        std::thread::sleep(LOOK);
    }
    Ok(process)
}
