//! The promise under each fault, one run of the real system for each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "the figures of a run belong into the test's output")]

mod clients;
mod disk;
mod gateways;
mod pooler;
mod postgres;
mod reads;
mod redis;
mod redis_cluster;
mod redis_groups;
mod rest;
mod rolling;
mod run;
mod sabotage;
mod standby;
