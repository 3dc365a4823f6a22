//! The accounts service from outside: its real process, over real sockets, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod answer;
mod bodies;
mod calls;
mod docs;
mod log_in;
mod notices;
mod outage;
mod process;
mod profile;
mod service;
mod sign_up;
mod tokens;
mod traces;
mod users;
