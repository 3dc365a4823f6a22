//! The promise under each fault, one run of the real system for each.

mod clients;
mod gateways;
mod postgres;
mod redis;
mod run;
