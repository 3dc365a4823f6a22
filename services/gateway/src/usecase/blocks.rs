//! Blocks users and takes it back. What a block does is enforced in the store, in one order with the messages.

use super::{Messenger, is_full};
use crate::domain::error::GatewayError;
use crate::domain::ids::UserId;
use crate::domain::page::Limit;
use crate::domain::reply::{Blocked, Reply};

impl Messenger {
    pub(super) async fn block_user(&self, caller: UserId, user: UserId) -> Result<Reply, GatewayError> {
        if user == caller {
            return Err(GatewayError::invalid("userId", "must be another one"));
        }
        self.require_user(user).await?;
        self.store.block(caller, user, self.limits.blocked_users).await??;
        Ok(Reply::BlockChanged(user))
    }

    /// Of anybody, also of one who is gone.
    pub(super) async fn unblock_user(&self, caller: UserId, user: UserId) -> Result<Reply, GatewayError> {
        self.store.unblock(caller, user).await?;
        Ok(Reply::BlockChanged(user))
    }

    pub(super) async fn blocked(
        &self,
        caller: UserId,
        limit: Limit,
        after: Option<UserId>,
    ) -> Result<Reply, GatewayError> {
        let rows = self.store.blocked(caller, after, limit).await?;
        let names = self.names(rows.iter().map(|row| row.user).collect()).await;
        let next = rows.last().filter(|_| is_full(rows.len(), limit)).map(|row| row.user);
        let blocked = |row: &crate::store::BlockRow| Blocked {
            user: row.user,
            name: names.of(row.user).name,
            since: row.since,
        };
        Ok(Reply::Blocked { rows: rows.iter().map(blocked).collect(), next })
    }
}
