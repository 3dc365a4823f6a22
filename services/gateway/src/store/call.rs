//! One statement on one connection, within a time limit.

use std::time::Duration;

use messenger_chassis::postgres::Pool;
use tokio::time::timeout;
use tokio_postgres::Row;

use super::lease::Lease;
use super::{Params, StoreError};

/// Runs the statement; what does not answer within `limit` is given up together with its connection.
pub(super) async fn call(
    pool: &Pool,
    limit: Duration,
    sql: &str,
    params: Params<'_>,
) -> Result<Vec<Row>, StoreError> {
    let lease = Lease::new(pool.get().await?);
    let result = match timeout(limit, pool.query(&*lease, sql, params)).await {
        Ok(result) => result.map_err(|error| StoreError::of_statement(&error)),
        Err(_) => {
            tracing::warn!("the database did not answer in time");
            // The idle connections lead to the same server: nobody is to find that out one by one.
            pool.close_idle();
            Err(StoreError::Unavailable)
        }
    };
    if matches!(result, Ok(_) | Err(StoreError::Data(_))) {
        lease.give_back();
    }
    result
}
