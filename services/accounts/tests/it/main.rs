//! The accounts service from outside: its real process, over real sockets, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod answer;
mod bodies;
mod callers;
mod calls;
mod care;
mod cors;
mod docs;
mod emails;
mod ended;
mod keys;
mod letters;
mod log_in;
mod mail_server;
mod notices;
mod outage;
mod passwords;
mod postgres_tls;
mod process;
mod profile;
mod reauth;
mod refresh;
mod service;
mod sessions;
mod sign_up;
mod throttle;
mod tokens;
mod traces;
mod users;
