//! Whom a user has blocked.

use jiff::Timestamp;

use super::{Store, StoreError};
use crate::domain::error::GatewayError;
use crate::domain::ids::UserId;
use crate::domain::page::Limit;

pub(super) const BLOCK_USER: &str = "SELECT block_user($1, $2, $3)";
pub(super) const UNBLOCK_USER: &str = "SELECT unblock_user($1, $2)";
pub(super) const BLOCKED: &str = "SELECT b.blocked_id, b.created_at FROM blocks b \
     WHERE b.user_id = $1 AND b.blocked_id > $2 ORDER BY b.blocked_id LIMIT $3";

/// A block as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRow {
    /// Who is blocked.
    pub user: UserId,
    /// Since when.
    pub since: Timestamp,
}

impl Store {
    /// From the commit on neither of the two can write to the other in their dialog, nor add the other to a group. No message
    /// is stored after it that was sent before it. Safe to repeat.
    ///
    /// # Errors
    /// Outside the database's; inside [`GatewayError::TooManyBlocked`] past `limit` users.
    pub async fn block(
        &self,
        user: UserId,
        blocked: UserId,
        limit: i64,
    ) -> Result<Result<(), GatewayError>, StoreError> {
        let row = self.row(BLOCK_USER, &[&user.0, &blocked.0, &limit]).await?;
        Ok(if row.try_get::<_, i16>(0)? == 0 { Ok(()) } else { Err(GatewayError::TooManyBlocked) })
    }

    /// Takes a block back, if there is one. Safe to repeat.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unblock(&self, user: UserId, blocked: UserId) -> Result<(), StoreError> {
        self.rows(UNBLOCK_USER, &[&user.0, &blocked.0]).await.map(drop)
    }

    /// A page of those whom the user has blocked, by their numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blocked(
        &self,
        user: UserId,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Vec<BlockRow>, StoreError> {
        let after = after.map_or(0, |user| user.0);
        let rows = self.rows(BLOCKED, &[&user.0, &after, &limit.rows()]).await?;
        rows.iter()
            .map(|row| Ok(BlockRow { user: UserId(row.try_get(0)?), since: row.try_get(1)? }))
            .collect()
    }
}
