//! Addresses and environment of accounts and the gateways.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use messenger_backing::free_ports;

use crate::system::{Servers, Setup};

/// How strict the services are about their configuration.
const MODE: &str = "MESSENGER_MODE";
/// How many threads a gateway works with.
const THREADS: &str = "GATEWAY_THREADS";

/// Ports on 127.0.0.1 of one service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listeners {
    pub(crate) http: u16,
    pub(crate) admin: u16,
}

/// Who listens where.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// Where clients find the system, or without HAProxy its REST part.
    pub(crate) port: u16,
    /// Whether HAProxy makes one origin of it all.
    pub(crate) proxied: bool,
    pub(crate) grpc: u16,
    pub(crate) accounts: Listeners,
    pub(crate) gateways: Vec<Listeners>,
}

impl Addresses {
    /// Public ports follow `port` when there is no HAProxy; all others are whatever is free.
    pub(crate) fn choose(port: u16, gateways: u16, proxied: bool) -> Result<Self> {
        let mut chosen = Self::anywhere(gateways)?;
        chosen.port = port;
        chosen.proxied = proxied;
        if !proxied {
            let services = [&mut chosen.accounts].into_iter().chain(&mut chosen.gateways);
            services.zip(port..).for_each(|(service, port)| service.http = port);
        }
        Ok(chosen)
    }

    /// Without HAProxy, on ports that are free.
    pub(crate) fn anywhere(gateways: u16) -> Result<Self> {
        let count = 1 + 2 * (1 + usize::from(gateways));
        let mut ports = free_ports(u64::from(std::process::id()) * 64, count)?.into_iter();
        let mut free = || ports.next().context("reserve a port");
        let grpc = free()?;
        let mut listeners = Vec::new();
        for _ in 0..=gateways {
            listeners.push(Listeners { http: free()?, admin: free()? });
        }
        let accounts: Listeners = listeners.remove(0);
        Ok(Self { port: accounts.http, proxied: false, grpc, accounts, gateways: listeners })
    }
}

/// A run of the accounts program. Whatever is not set here comes from our own environment.
pub(super) fn accounts(task: &str, addresses: &Addresses, setup: &Setup, servers: &Servers) -> Command {
    let mut command = service(&setup.accounts, task, setup, servers);
    database(&mut command, "ACCOUNTS", "accounts", servers);
    command
        .env("ACCOUNTS_GRPC_TOKEN", &setup.token)
        .env("ACCOUNTS_REDIS_URL", servers.redis.url())
        .env("ACCOUNTS_HTTP_ADDR", loopback(addresses.accounts.http))
        .env("ACCOUNTS_GRPC_ADDR", loopback(addresses.grpc))
        .env("ACCOUNTS_ADMIN_ADDR", loopback(addresses.accounts.admin));
    trust_proxy(&mut command, "ACCOUNTS_TRUSTED_PROXIES", addresses);
    if std::env::var_os("ACCOUNTS_SIGNING_KEY").is_none() {
        command.env("ACCOUNTS_SIGNING_KEY_FILE", &setup.signing_key);
    }
    command
}

/// A run of the gateway program as node `gateway-<number>`, counted from 1.
pub(super) fn gateway(
    task: &str,
    number: usize,
    listeners: Listeners,
    addresses: &Addresses,
    setup: &Setup,
    servers: &Servers,
) -> Command {
    let mut command = service(&setup.gateway, task, setup, servers);
    database(&mut command, "GATEWAY", "messaging", servers);
    command
        .env("GATEWAY_ACCOUNTS_TOKEN", &setup.token)
        .env("GATEWAY_REDIS_URL", servers.redis.url())
        .env("GATEWAY_ACCOUNTS_URL", format!("http://{}", loopback(addresses.grpc)))
        .env("GATEWAY_HTTP_ADDR", loopback(listeners.http))
        .env("GATEWAY_ADMIN_ADDR", loopback(listeners.admin))
        .env("GATEWAY_NODE", format!("gateway-{number}"));
    trust_proxy(&mut command, "GATEWAY_TRUSTED_PROXIES", addresses);
    if std::env::var_os(THREADS).is_none() {
        command.env(THREADS, threads(addresses.gateways.len()).to_string());
    }
    command
}

/// Threads of each of so many gateways on this machine: its share of the processors. More of them would only pass work
/// back and forth.
fn threads(gateways: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    (processors / gateways.max(1)).max(1)
}

/// HAProxy, where there is one, tells whose request it is.
fn trust_proxy(command: &mut Command, key: &str, addresses: &Addresses) {
    if addresses.proxied && std::env::var_os(key).is_none() {
        command.env(key, "127.0.0.1");
    }
}

/// The owner migrates, the role serves, where there is one.
fn database(command: &mut Command, keys: &str, schema: &str, servers: &Servers) {
    let owner = servers.database_url(schema);
    let Some((role, url)) = servers.role(schema) else {
        command.env(format!("{keys}_DATABASE_URL"), owner);
        return;
    };
    command
        .env(format!("{keys}_DATABASE_URL"), url)
        .env(format!("{keys}_MIGRATE_DATABASE_URL"), owner)
        .env(format!("{keys}_DATABASE_ROLE"), role);
}

/// Servers that were given may have any password; ours have good ones, and the services are held to them.
fn service(program: &Path, task: &str, setup: &Setup, servers: &Servers) -> Command {
    let mut command = Command::new(program);
    command.arg(task);
    if servers.given && std::env::var_os(MODE).is_none() {
        command.env(MODE, "development");
    }
    command.envs(setup.variables.iter().filter(|(key, _)| std::env::var_os(key).is_none()).copied());
    command
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(addresses: &Addresses) -> Vec<u16> {
        let services = addresses.gateways.iter().chain([&addresses.accounts]);
        services.flat_map(|service| [service.http, service.admin]).chain([addresses.grpc]).collect()
    }

    #[test]
    fn behind_haproxy_no_service_takes_the_public_ports() {
        let addresses = Addresses::choose(3000, 16, true).expect("addresses");
        let mut ports = all(&addresses);
        assert!(ports.iter().all(|port| !(3000..=3016).contains(port)));
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 2 * 17 + 1, "every port is used once");
    }

    #[test]
    fn without_haproxy_the_gateways_follow_accounts() {
        let addresses = Addresses::choose(3000, 3, false).expect("addresses");
        assert_eq!(addresses.accounts.http, 3000);
        let public: Vec<u16> = addresses.gateways.iter().map(|gateway| gateway.http).collect();
        assert_eq!(public, [3001, 3002, 3003]);
    }

    #[test]
    fn gateways_share_the_processors_and_each_has_one() {
        let processors = std::thread::available_parallelism().expect("processors").get();
        assert_eq!((threads(1), threads(processors), threads(1_000)), (processors, 1, 1));
    }
}
