//! `cargo xtask up`: the whole system on this machine, from one command, until Ctrl-C.

mod greeting;

use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::project::{Profile, Project};
use crate::system::{self, Addresses, Needs, Setup, System};

/// More gateways than this are another machine's work.
pub(crate) const GATEWAYS_MAX: u16 = 16;

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

impl Options {
    /// Fills what the command line left open.
    pub(crate) fn or_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.database_url = self.database_url.or_else(|| variable("DATABASE_URL"));
        self.redis_url = self.redis_url.or_else(|| variable("REDIS_URL"));
        self
    }
}

/// Runs until Ctrl-C, or until a part ends by itself, which is an error.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let started = Instant::now();
    let interrupt = Interrupt::listen()?;
    let place = project.home()?.claim("up").context("another `cargo xtask up` is running in this folder")?;
    check_port(options.port)?;
    let needs = Needs {
        database_url: options.database_url.clone(),
        redis_url: options.redis_url.clone(),
        proxy: true,
        postgres: &[],
    };
    let preparing = system::prepare(place, needs, *console);
    console.step("building accounts and gateway (a first build takes minutes)");
    project.build(options.profile, &system::PACKAGES, &interrupt)?;
    let servers = preparing.wait(&interrupt)?;
    let addresses = Addresses::choose(options.port, options.gateways, servers.proxy.is_some())?;
    let setup = Setup::new(project, options.profile, &project.dev())?;
    let mut system = System::new(servers, addresses, setup, *console);
    let outcome = system.migrate(&interrupt).and_then(|()| system.start(&interrupt)).and_then(|()| {
        greeting::show(console, system.addresses(), started.elapsed());
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
