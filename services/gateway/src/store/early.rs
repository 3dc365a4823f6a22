//! The sabotage of [`Defect::AckBeforeCommit`](crate::sabotage::Defect): results before their commit.

use std::time::Duration;

use tokio_postgres::Row;

use super::lease::Lease;
use super::{Params, Store, StoreError};

/// How long the commit comes after the answer: time enough for a fault.
const LATE: Duration = Duration::from_millis(200);

impl Store {
    #[expect(
        clippy::disallowed_methods,
        reason = "a defect on purpose: what is not committed yet belongs to nobody"
    )]
    pub(super) async fn rows_before_commit(
        &self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let lease = Lease::new(self.pool.get().await?);
        lease.batch_execute("BEGIN").await.map_err(|error| StoreError::of_statement(&error))?;
        let rows =
            self.pool.query(&*lease, sql, params).await.map_err(|error| StoreError::of_statement(&error))?;
        tokio::spawn(async move {
            tokio::time::sleep(LATE).await;
            if lease.batch_execute("COMMIT").await.is_ok() {
                lease.give_back();
            }
        });
        Ok(rows)
    }
}
