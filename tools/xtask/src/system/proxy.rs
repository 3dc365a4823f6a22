//! HAProxy before the services.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use messenger_backing::haproxy::{self, Backend, Server};

use crate::system::{Addresses, Listeners, Setup};

/// The program's command line, in the foreground, as our child.
pub(super) fn command(program: &Path, addresses: &Addresses, setup: &Setup) -> Result<Command> {
    let server = |name: String, at: Listeners| Server { name, port: at.http, check: at.admin };
    let gateways = (1..).zip(&addresses.gateways).map(|(n, at)| server(format!("gateway-{n}"), *at));
    let backends = [
        Backend {
            name: "accounts",
            defaults: "http",
            servers: vec![server("accounts".to_owned(), addresses.accounts)],
        },
        Backend { name: "gateways", defaults: "websocket", servers: gateways.collect() },
    ];
    haproxy::command(program, &setup.proxy_shared, &setup.proxy_servers, &backends, addresses.port)
}
