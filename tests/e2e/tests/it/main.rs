//! The whole system from outside: accounts and several gateways as real processes, over real sockets, on a real
//! PostgreSQL and Redis. Knows the public wire only, through `messenger-client` and through frames written out here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod accounts;
mod admin;
mod authority;
mod care;
mod delivery;
mod devices;
mod devices_killed;
mod groups;
mod inside;
mod keys;
mod literal;
mod order;
mod people;
mod phone;
mod pooler;
mod redis;
mod renewal;
mod rest;
mod restart;
mod restore;
mod revocation;
mod seed;
mod socket;
mod traces;
