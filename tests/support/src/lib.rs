//! What tests of several packages need: PostgreSQL and Redis, a fresh database for each test.
//!
//! It knows nothing of the services' insides and imports none of them.

mod database;
mod servers;

pub use database::{TestDatabase, database};
pub use servers::{Servers, private_postgres, private_redis, servers};
