//! What tests of several packages need: PostgreSQL and Redis, a fresh database for each test, the whole system as
//! real processes, a collector of traces.
//!
//! It knows nothing of the services' insides and imports none of them: only their programs' names and the keys of
//! their environment.

mod balancer;
mod certificates;
mod cluster;
mod collector;
mod database;
mod dice;
mod http;
mod key_folder;
mod links;
mod log;
mod pooler;
mod privileges;
mod program;
pub mod proxy;
mod redis_group;
mod roles;
mod servers;
mod service;
mod statements;
mod tls_proxy;

pub use balancer::Balancer;
pub use certificates::{Authority, Certificate};
pub use cluster::{Cluster, ClusterOptions};
pub use collector::{Collector, Point, Span};
pub use database::{TestDatabase, database};
pub use dice::Dice;
pub use http::get;
pub use links::Links;
pub use log::Log;
pub use pooler::CONNECTIONS as POOLED_CONNECTIONS;
pub use privileges::{exceptions, permitted, privileges};
pub use redis_group::RedisGroup;
pub use roles::Role;
pub use servers::{
    Servers, private_place, private_postgres, private_postgres_with_tls, private_redis,
    private_redis_with_users, servers, standby_of,
};
pub use service::{PATIENCE, Service, Told};
pub use statements::hold_statements;
pub use tls_proxy::TlsProxy;
