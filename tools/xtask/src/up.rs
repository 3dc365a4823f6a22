//! `cargo xtask up`: the whole system on this machine, from one command, until Ctrl-C.

mod greeting;
mod part;
mod proxy;
mod servers;
mod services;
mod system;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{self, Project};
use services::Addresses;
use system::System;

/// More gateways than this are another machine's work.
const GATEWAYS_MAX: u16 = 16;

/// How the system is started.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Number of gateways
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=i64::from(GATEWAYS_MAX)))]
    gateways: u16,
    /// Port of the whole system on localhost; without HAProxy the gateways follow on the next ports
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u16).range(1..=65_000))]
    port: u16,
    /// A PostgreSQL database to use instead of a private server [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// A Redis to use instead of a private server [env: REDIS_URL]
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// How the services are compiled
    #[arg(long, value_enum, default_value_t = Profile::Up)]
    profile: Profile,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Profile {
    /// Optimised
    Up,
    /// With debug assertions, quicker to build
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Dev => "dev",
        }
    }
}

impl Options {
    /// Fills what the command line left open.
    pub(crate) fn or_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.database_url = self.database_url.or_else(|| variable("DATABASE_URL"));
        self.redis_url = self.redis_url.or_else(|| variable("REDIS_URL"));
        self
    }
}

/// Where the compiled services and their files are.
#[derive(Debug)]
pub(crate) struct Paths {
    accounts: PathBuf,
    gateway: PathBuf,
    signing_key: PathBuf,
    proxy_shared: PathBuf,
    proxy_servers: PathBuf,
}

/// Runs until Ctrl-C, or until a part ends by itself, which is an error.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let started = Instant::now();
    let interrupt = Interrupt::listen()?;
    let place = project.home()?.claim("up").context("another `cargo xtask up` is running in this folder")?;
    check_port(options.port)?;
    let preparing = servers::prepare(place, options, *console);
    build(options.profile, project, console, &interrupt)?;
    let servers = preparing.wait(&interrupt)?;
    let addresses = Addresses::choose(options.port, options.gateways, servers.proxy.is_some())?;
    let mut system = System::new(servers, *console);
    let outcome = system.start(&addresses, &paths(options.profile, project), &interrupt).and_then(|()| {
        greeting::show(console, &addresses, started.elapsed());
        system.watch(&interrupt)
    });
    console.step("stopping (Ctrl-C again: at once)");
    let stopped = system.stop();
    outcome.and(stopped)
}

fn check_port(port: u16) -> Result<()> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
        bail!("port {port} is in use by another program: choose another one with --port");
    }
    Ok(())
}

fn build(profile: Profile, project: &Project, console: &Console, interrupt: &Interrupt) -> Result<()> {
    console.step("building accounts and gateway (a first build takes minutes)");
    let mut cargo = project.cargo();
    cargo.args([
        "build",
        "--profile",
        profile.name(),
        "--package",
        "messenger-accounts",
        "--package",
        "messenger-gateway",
    ]);
    project::succeed(&mut cargo, interrupt)
}

fn paths(profile: Profile, project: &Project) -> Paths {
    Paths {
        accounts: project.binary(profile.name(), "accounts"),
        gateway: project.binary(profile.name(), "gateway"),
        signing_key: project.dev().join("signing-key.pem"),
        proxy_shared: project.root().join("deploy/haproxy/haproxy.cfg"),
        proxy_servers: project.dev().join("haproxy-servers.cfg"),
    }
}
