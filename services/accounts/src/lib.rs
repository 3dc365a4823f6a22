//! The accounts service: users, log-in, look-ups.
//!
//! ```text
//! main → app → {http, grpc} → usecase → {store, crypto, notices, throttle, mail} → domain
//!            └→ care → {store, notices} → domain
//! ```
//! Rooms talk down, results come up. SQL lives in `store` only, axum in `http` only, tonic in `grpc` only, redis in
//! `notices` and `throttle` only, lettre in `mail` only; `domain` does no input or output.

pub mod app;
pub mod cli;
pub mod config;

pub mod grpc;
pub mod http;

pub mod usecase;

pub mod care;

pub mod crypto;
pub mod mail;
pub mod notices;
pub mod store;
pub mod throttle;

pub mod domain;
