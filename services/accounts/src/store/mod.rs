//! Users and sessions in PostgreSQL: all SQL of the service, and rows turned into domain values.
//!
//! Every statement is a constant with bound parameters; a test prepares each of them against the migrated schema.
//! Nothing here waits for anything but PostgreSQL, and no transaction outlives one method.

mod addresses;
mod changes;
mod ended;
mod error;
mod held;
mod listing;
mod mail_tokens;
mod refresh;
mod rows;
mod sessions;
mod statement;
mod users;

use deadpool_postgres::Transaction;
use messenger_chassis::postgres::Pool;
use tokio_postgres::Row;
use tracing::Instrument as _;

pub use mail_tokens::NewToken;

use self::error::StoreError;
use self::statement::{Params, Statement};

/// The migrations of this service's schema.
pub mod migrations {
    refinery::embed_migrations!("../../migrations/accounts");
}

/// What the role that serves may not do, of what such roles may.
pub const GRANTS: &str = include_str!("grants.sql");

/// The users and their sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

impl Store {
    /// A store over a pool whose connections have the service's schema in their search path.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Runs one statement on its own.
    async fn rows(&self, statement: &Statement, params: &Params<'_>) -> Result<Vec<Row>, StoreError> {
        let run = async {
            let client = self.pool.get().await?;
            Ok(self.pool.query(&*client, statement.sql, params).await?)
        };
        run.instrument(statement.span()).await
    }

    /// Runs one statement of a transaction.
    async fn run(
        &self,
        transaction: &Transaction<'_>,
        statement: &Statement,
        params: &Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let run = async { Ok(self.pool.query(transaction, statement.sql, params).await?) };
        run.instrument(statement.span()).await
    }

    /// As [`Store::rows`], for a statement that gives at most one row.
    async fn row(&self, statement: &Statement, params: &Params<'_>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, params).await?.into_iter().next())
    }
}

/// Every statement of the store.
#[cfg(test)]
fn statements() -> Vec<Statement> {
    [
        addresses::STATEMENTS,
        changes::STATEMENTS,
        ended::STATEMENTS,
        held::STATEMENTS,
        listing::STATEMENTS,
        mail_tokens::STATEMENTS,
        refresh::STATEMENTS,
        sessions::STATEMENTS,
        users::STATEMENTS,
    ]
    .concat()
}

#[cfg(test)]
mod tests;
