//! The life of the log, and how another one begins. Only the owner of the schema may begin one.

use uuid::Uuid;

use super::{Store, StoreError};

pub(super) const PRESENT: &str = "SELECT number, id, began_at::text, foreign_from IS NOT NULL FROM log_epoch";
pub(super) const BEGIN: &str = "SELECT number, id, is_mending FROM begin_epoch()";
pub(super) const MEND_ENTRIES: &str = "SELECT mended, next FROM mend_entries($1, $2)";
pub(super) const MEND_CONVERSATIONS: &str = "SELECT seen, last FROM mend_conversations($1, $2)";
pub(super) const MENDED: &str = "UPDATE log_epoch SET foreign_from = NULL";

/// The present epoch, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// 1 for the first.
    pub number: i64,
    /// Its name.
    pub id: Uuid,
    /// When it began, in the form of PostgreSQL.
    pub began_at: String,
    /// Whether `begin_epoch` was not gone on with to its end: nobody may serve.
    pub is_unfinished: bool,
}

/// What it took to begin an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// 2 for the first that follows another.
    pub number: i64,
    /// Its name.
    pub id: Uuid,
    /// Entries whose labels were of another server.
    pub mended: i64,
}

impl Store {
    /// The present epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn epoch(&self) -> Result<Life, StoreError> {
        let row = self.row(PRESENT, &[]).await?;
        Ok(Life {
            number: row.try_get(0)?,
            id: row.try_get(1)?,
            began_at: row.try_get(2)?,
            is_unfinished: row.try_get(3)?,
        })
    }

    /// Begins another epoch, `batch` rows at a time; one that was left half-way is gone on with.
    ///
    /// # Errors
    /// [`StoreError`]: call again.
    pub async fn begin_epoch(&self, batch: i64) -> Result<Begun, StoreError> {
        let row = self.row(BEGIN, &[]).await?;
        let mut begun = Begun { number: row.try_get(0)?, id: row.try_get(1)?, mended: 0 };
        if row.try_get(2)? {
            begun.mended = self.mend_entries(batch).await?;
            self.mend_conversations(batch).await?;
            self.rows(MENDED, &[]).await?;
        }
        Ok(begun)
    }

    async fn mend_entries(&self, batch: i64) -> Result<i64, StoreError> {
        let (mut all, mut from) = (0, None::<i64>);
        loop {
            let row = self.row(MEND_ENTRIES, &[&from, &batch]).await?;
            let mended: i64 = row.try_get(0)?;
            if mended == 0 {
                return Ok(all);
            }
            (all, from) = (all + mended, row.try_get(1)?);
            tracing::info!(entries = all, "labels of another server are put back");
        }
    }

    async fn mend_conversations(&self, batch: i64) -> Result<(), StoreError> {
        let mut after = Some(0_i64);
        while after.is_some() {
            after = self.row(MEND_CONVERSATIONS, &[&after, &batch]).await?.try_get(1)?;
        }
        Ok(())
    }
}
