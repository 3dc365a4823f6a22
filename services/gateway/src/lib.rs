//! The gateway: WebSocket in front, PostgreSQL as the log, Redis as the doorbell.
//!
//! A message's way: [`http`] → [`session`] → [`dialect`] → [`usecase`] → [`lanes`] → [`store`], and back as an event:
//! [`delivery`] (with [`fanout`] between replicas) → [`hub`] → [`session`].

pub mod app;
pub mod cli;
pub mod config;

pub mod http;
pub mod session;

pub mod auth;
pub mod dialect;

pub mod usecase;

pub mod care;

pub mod lanes;

pub mod delivery;
pub mod fanout;
pub mod hub;
pub mod isolation;
pub mod pause;

pub mod directory;
pub mod store;

pub mod domain;
pub mod sabotage;
