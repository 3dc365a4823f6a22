//! A Redis (or Valkey) server: one of our own, or one that was given by URL.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use crate::home::Place;
use crate::port::{free_port, is_free};
use crate::process::{self, Process, tail};
use crate::search::SearchPath;
use crate::user::random_secret;
use crate::{Progress, wheels};

/// Our own user of a server that has others.
pub const ADMINISTRATOR: &str = "backing";

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// How long one answer to a `PING` may take.
const ANSWER: Duration = Duration::from_secs(1);

/// How to get a Redis server.
#[derive(Debug)]
pub struct RedisOptions<'a> {
    /// Where its files live.
    pub place: &'a Place,
    /// A running server to use instead of one of ours, as it is.
    pub url: Option<String>,
    /// Further lines of its configuration file.
    pub settings: &'a [&'a str],
    /// Its password, where several servers must have the same; else one of its own.
    pub password: Option<String>,
    /// Lines of an ACL file. With them nobody comes in as `default`, and our own user is [`ADMINISTRATOR`].
    pub users: &'a [&'a str],
    /// Whether it is started as a sentinel; `settings` say what it watches.
    pub sentinel: bool,
    /// Where installed binaries are looked for.
    pub search: SearchPath,
}

impl<'a> RedisOptions<'a> {
    /// Our own server in `place`, from wherever its binary is found.
    #[must_use]
    pub fn new(place: &'a Place) -> Self {
        let search = SearchPath::system();
        Self { place, url: None, settings: &[], password: None, users: &[], sentinel: false, search }
    }
}

/// A running server that keeps nothing on disk. Ours stops when this is dropped; a given one is left alone.
#[derive(Debug)]
pub struct Redis(Source);

#[derive(Debug)]
enum Source {
    Given(String),
    Own(Box<RedisServer>),
}

impl Redis {
    /// Finds or starts the server and waits until it answers.
    ///
    /// # Errors
    /// When no binary is found or fetched, or the server does not answer within 20 s.
    pub fn start(options: RedisOptions<'_>, progress: Progress<'_>) -> Result<Self> {
        if let Some(url) = options.url {
            return Ok(Self(Source::Given(url)));
        }
        let runs = |program: &PathBuf| {
            options
                .place
                .command(program)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        };
        let program = match options.search.redis().find(runs) {
            Some(program) => program,
            None => wheels::redis(options.place.root(), progress)?,
        };
        let launch = Launch {
            place: options.place.clone(),
            program,
            settings: options.settings.iter().map(|line| (*line).to_owned()).collect(),
            password: options.password.map_or_else(random_secret, Ok)?,
            users: options.users.iter().map(|line| (*line).to_owned()).collect(),
            sentinel: options.sentinel,
        };
        Ok(Self(Source::Own(Box::new(RedisServer::start(launch)?))))
    }

    /// URL of the server, password included.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.0 {
            Source::Given(url) => url.clone(),
            Source::Own(server) => {
                let Launch { password, .. } = &server.launch;
                format!("redis://{}:{password}@127.0.0.1:{}/", server.launch.administrator(), server.port)
            }
        }
    }

    /// Our own server's process, to stop, kill, freeze and restart; `None` for a given one.
    pub fn server(&mut self) -> Option<&mut RedisServer> {
        match &mut self.0 {
            Source::Given(_) => None,
            Source::Own(server) => Some(server),
        }
    }

    /// Stops our own server.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(mut self) -> Result<()> {
        self.server().map_or(Ok(()), RedisServer::stop)
    }
}

/// A Redis server of our own. Dropping it stops it.
#[derive(Debug)]
pub struct RedisServer {
    launch: Launch,
    port: u16,
    process: Process,
}

/// What every start of one server has in common.
#[derive(Debug)]
struct Launch {
    place: Place,
    program: PathBuf,
    settings: Vec<String>,
    password: String,
    users: Vec<String>,
    sentinel: bool,
}

impl RedisServer {
    fn start(launch: Launch) -> Result<Self> {
        let place = launch.place.clone();
        stop_leftover(&place)?;
        place.make_dir(&folder(&place))?;
        let mut remembered = remembered_port(&place).filter(|port| is_free(*port));
        let deadline = Instant::now() + START;
        loop {
            // Far from the place's PostgreSQL, which searches from the same seed.
            let port = remembered.take().map_or_else(|| free_port(place.seed().rotate_left(32)), Ok)?;
            if let Some(process) = launch.run(port, deadline)? {
                place.write(&folder(&place).join("port"), &port.to_string())?;
                return Ok(Self { launch, port, process });
            }
        }
    }

    /// TCP port on 127.0.0.1; the same after every restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it ended without being told to.
    ///
    /// # Errors
    /// When the operating system does not know our child.
    pub fn crashed(&mut self) -> Result<Option<ExitStatus>> {
        self.process.exited()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&folder(&self.launch.place).join("log"))
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub fn stop(&mut self) -> Result<()> {
        self.process.stop(&[(Signal::SIGTERM, STOP)]).map(drop)
    }

    /// Kills it: connections are cut without a word.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop_immediate(&mut self) -> Result<()> {
        self.process.stop(&[]).map(drop)
    }

    /// Starts it again after a stop, empty, with the same port and password.
    ///
    /// # Errors
    /// When it still runs, its port was taken meanwhile, or it does not answer within 20 s.
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.exited()?.is_none() {
            bail!("Redis is still running");
        }
        match self.launch.run(self.port, Instant::now() + START)? {
            Some(process) => self.process = process,
            None => bail!("port {} of Redis was taken by another process", self.port),
        }
        Ok(())
    }

    /// [`RedisServer::stop_immediate`] and [`RedisServer::start_again`] in one.
    ///
    /// # Errors
    /// As those two.
    pub fn restart_immediate(&mut self) -> Result<()> {
        self.stop_immediate()?;
        self.start_again()
    }

    /// Stops it where it is, connections open: a machine that hangs.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn freeze(&mut self) -> Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Lets it go on after [`RedisServer::freeze`].
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn thaw(&mut self) -> Result<()> {
        self.process.signal(Signal::SIGCONT)
    }
}

impl Launch {
    /// Starts the server and waits until it answers; `None` when the port was taken by another process.
    fn run(&self, port: u16, deadline: Instant) -> Result<Option<Process>> {
        let dir = folder(&self.place);
        let configuration = dir.join("redis.conf");
        self.place.write(&configuration, &self.configuration(port))?;
        let log = self.place.create(&dir.join("log"))?;
        let mut command = self.place.command(&self.program);
        command.arg(&configuration).args(self.sentinel.then_some("--sentinel"));
        command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log));
        let mut process = Process::spawn("Redis", &mut command, Signal::SIGTERM)?;
        while Instant::now() < deadline {
            if let Some(status) = process.exited()? {
                let log = tail(&dir.join("log"));
                if log.contains("Address already in use") {
                    return Ok(None);
                }
                bail!("Redis did not start ({status}):\n{log}");
            }
            if answers(port, &format!("{} {}", self.administrator(), self.password)) {
                return Ok(Some(process));
            }
            std::thread::sleep(LOOK);
        }
        bail!("Redis did not answer within {} s:\n{}", START.as_secs(), tail(&dir.join("log")))
    }

    /// Whose the password is; nobody in particular without users.
    fn administrator(&self) -> &'static str {
        if self.users.is_empty() { "" } else { ADMINISTRATOR }
    }

    /// In a file, because a command line can be read by every user of the machine.
    fn configuration(&self, port: u16) -> String {
        let dir = folder(&self.place);
        let own = [
            "bind 127.0.0.1".to_owned(),
            format!("port {port}"),
            match self.users.is_empty() {
                true => format!("requirepass {}", self.password),
                false => format!("user {ADMINISTRATOR} on >{} ~* &* +@all", self.password),
            },
            format!("dir \"{}\"", dir.display()),
            format!("pidfile \"{}\"", dir.join("pid").display()),
            "daemonize no".to_owned(),
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
            // The default of 32 MB cuts a subscriber off that was slow for a moment.
            "client-output-buffer-limit pubsub 256mb 64mb 60".to_owned(),
        ];
        own.iter().chain(&self.users).chain(&self.settings).map(|line| format!("{line}\n")).collect()
    }
}

/// Stops a server that a killed run left in this place.
pub(crate) fn stop_leftover(place: &Place) -> Result<()> {
    let pid =
        std::fs::read_to_string(folder(place).join("pid")).ok().and_then(|text| text.trim().parse().ok());
    let (Some(pid), Some(port)) = (pid, remembered_port(place)) else { return Ok(()) };
    // A running server shows its address as its command line.
    let ours = |line: &str| line.contains("-server ") && line.contains(&format!(":{port}"));
    process::stop_leftover(pid, ours, &[Signal::SIGTERM])
}

fn folder(place: &Place) -> PathBuf {
    place.dir().join("redis")
}

fn remembered_port(place: &Place) -> Option<u16> {
    std::fs::read_to_string(folder(place).join("port")).ok()?.trim().parse().ok()
}

fn answers(port: u16, credentials: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "AUTH {}\r\nPING\r\n", credentials.trim())?;
        let expected = b"+OK\r\n+PONG\r\n";
        let mut answer = [0_u8; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer == *expected)
    };
    ask().unwrap_or(false)
}
