//! What the public listener lets in.

use messenger_chassis::env::Env;
use messenger_chassis::http::HttpLimits;
use messenger_chassis::origins::Origins;
use messenger_chassis::proxies::Proxies;

use super::rates;
use crate::http::{SocketConfig, VisitorLimits};

pub(super) fn http_limits(env: &mut Env<'_>) -> HttpLimits {
    let default = HttpLimits::default();
    HttpLimits {
        head_timeout: env.millis(
            "GATEWAY_HEAD_MS",
            5_000,
            100..=60_000,
            "time for a request head, milliseconds",
        ),
        connections: env.within(
            "GATEWAY_HANDSHAKES",
            default.connections,
            1..=1_000_000,
            "connections in their handshake at once",
        ),
        connections_per_address: env.within(
            "GATEWAY_HANDSHAKES_PER_ADDRESS",
            100,
            0..=1_000_000,
            "connections of one address in their handshake at once, trusted proxies excepted; 0: no limit",
        ),
        trusted: env.list(
            "GATEWAY_TRUSTED_PROXIES",
            "networks of the load balancers, whose X-Forwarded-For is believed",
        ),
        ..default
    }
}

pub(super) fn sockets(env: &mut Env<'_>) -> usize {
    env.within("GATEWAY_SOCKETS", 100_000, 1..=10_000_000, "sockets of this replica at most")
}

pub(super) fn sockets_per_user(env: &mut Env<'_>) -> usize {
    env.within(
        "GATEWAY_SOCKETS_PER_USER",
        16,
        1..=10_000,
        "sockets of one user on this replica; the oldest is closed",
    )
}

pub(super) fn origins(env: &mut Env<'_>) -> Origins {
    env.list("GATEWAY_ORIGINS",
        "pages besides those of the own host that may open sockets: scheme://host[:port], commas between; *: any, for development",
    )
}

pub(super) fn visitors(env: &mut Env<'_>, trusted: &Proxies) -> VisitorLimits {
    VisitorLimits {
        proxies: trusted.clone(),
        sockets: env.within(
            "GATEWAY_SOCKETS_PER_ADDRESS",
            1_000,
            0..=10_000_000,
            "sockets of one client address on this replica; 0: no limit",
        ),
        refusals: rates::of_refusals(env),
        handshakes: rates::of_handshakes(env),
    }
}

pub(super) fn socket(env: &mut Env<'_>) -> SocketConfig {
    SocketConfig {
        frame_bytes: env.within(
            "GATEWAY_FRAME_BYTES",
            64 * 1024,
            1024..=16 << 20,
            "bytes of a frame that comes in",
        ),
        read_buffer: env.within(
            "GATEWAY_READ_BUFFER_BYTES",
            2 * 1024,
            256..=1 << 20,
            "read buffer of a socket, bytes",
        ),
        write_buffer: env.within(
            "GATEWAY_WRITE_BUFFER_BYTES",
            4 * 1024,
            0..=1 << 20,
            "bytes collected before a write",
        ),
        max_write_buffer: env.within(
            "GATEWAY_MAX_WRITE_BUFFER_BYTES",
            256 * 1024,
            64 * 1024..=1 << 30,
            "write buffer of a slow socket at most, bytes",
        ),
    }
}
