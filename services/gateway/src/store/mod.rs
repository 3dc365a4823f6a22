//! The log in PostgreSQL. SQL lives here and nowhere else; every change is one autocommit statement.
//!
//! Knows no socket and no Redis. Invariant: a call that does not answer in time is given up together with its
//! connection, because a frozen server fires no time-out of its own.

mod blocks;
mod call;
mod chats;
mod conversations;
mod crowd;
mod early;
mod epoch;
mod error;
mod follower;
mod groups;
mod lease;
mod log;
mod marks;
mod partitions;
mod records;
mod removal;
mod resume;
mod rows;
mod send;
mod standby;
mod stretch;

pub use blocks::BlockRow;
pub use chats::ChatRow;
pub use conversations::{Address, SummaryRow, Window, WithRow};
pub use crowd::Crowd;
pub use epoch::{Begun, Life};
pub use error::StoreError;
pub use groups::{Founded, Membership};
pub use log::{LogRow, Sweep};
pub use marks::Marked;
pub use partitions::{Rows, partition};
pub use records::{Counts, MemberRecord, Record};
pub use removal::{Portion, Position, Removed};
pub use resume::{ResumeHead, ResumeHeads};
pub use send::{Draft, Locked, Outcome};
pub use stretch::{Budget, Keep, Stretch};

use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::postgres::{self, Pool, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::Row;

use self::call::call;
use self::standby::Standby;
use crate::sabotage::Sabotage;

/// The schema's history, compiled in.
pub mod migrations {
    use refinery::Runner;

    mod embedded {
        refinery::embed_migrations!("../../migrations/messaging");
    }

    /// Applies or checks the migrations.
    pub fn runner() -> Runner {
        embedded::migrations::runner()
    }
}

/// What the role that serves may not do, of what such roles may.
pub const GRANTS: &str = include_str!("grants.sql");

/// Time limits of the store.
#[derive(Debug, Clone, Copy)]
pub struct StoreConfig {
    /// For one call: more than the server allows a statement, so that the server's own answer comes first.
    pub call: Duration,
}

/// Access to the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    config: StoreConfig,
    sabotage: Sabotage,
    /// Turns of those who may not hold more connections than these.
    turns: Option<Arc<Semaphore>>,
    standby: Option<Arc<Standby>>,
}

type Params<'a> = &'a [&'a dyn Value];

impl Store {
    /// A store over a pool whose search path names the schema.
    pub fn new(pool: Pool, config: StoreConfig) -> Self {
        Self { pool, config, sabotage: Sabotage::default(), turns: None, standby: None }
    }

    /// The same with a defect, if there is one for it.
    #[must_use]
    pub fn sabotaged(self, sabotage: Sabotage) -> Self {
        Self { sabotage, ..self }
    }

    /// The same for callers who may hold that many connections at once, however many of them there are: the others of the
    /// pool are for what must go on.
    #[must_use]
    pub fn for_requests(&self, connections: usize) -> Self {
        Self { turns: Some(Arc::new(Semaphore::new(connections))), ..self.clone() }
    }

    /// How long a call takes at most, once it has a connection.
    pub fn call_limit(&self) -> Duration {
        self.config.call
    }

    /// Sets the gauges of the connections to the primary.
    pub fn gauges(&self) -> impl Fn() + Send + Sync + use<> {
        postgres::gauges(&self.pool)
    }

    /// Whether a statement goes through.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn check(&self) -> Result<(), StoreError> {
        self.rows("SELECT 1", &[]).await.map(drop)
    }

    async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        let _turn = self.turn().await?;
        call(&self.pool, self.config.call, sql, params).await
    }

    async fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        let Some(turns) = &self.turns else { return Ok(None) };
        match timeout(self.config.call, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            _ => Err(StoreError::Unavailable),
        }
    }

    async fn row(&self, sql: &str, params: Params<'_>) -> Result<Row, StoreError> {
        self.rows(sql, params).await?.into_iter().next().ok_or_else(StoreError::of_answer)
    }
}

#[cfg(test)]
mod tests;
