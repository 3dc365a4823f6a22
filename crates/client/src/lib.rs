//! The messenger seen from outside: REST of the accounts service, WebSocket of the gateways.
//!
//! - [`rest`]: accounts, profiles, look-ups.
//! - [`wire`]: the frames of the documented WebSocket contract, as types; no I/O.
//! - [`socket`]: one WebSocket, raw (any frame, odd ones too) or typed (requests, replies, pushes).
//! - [`session`]: a log-in that outlives its sockets: reconnects, resends, shows nothing twice.
//! - [`device`]: the same over the second dialect, where nothing is missed either.
//!
//! The types here are written from the contract and shared with no service on purpose: the tests stand on
//! them, so a service that drifts from the contract is seen, not followed. This crate must never import a
//! service or the services' own contract.

pub mod device;
pub mod rest;
pub mod session;
pub mod socket;
pub mod wire;

#[cfg(test)]
mod mock;
