//! Watermarks of members.

use super::{Store, StoreError};
use crate::domain::command::{Mark, MarkKind};
use crate::domain::error::GatewayError;
use crate::domain::ids::{Seq, UserId};

pub(super) const MARK: &str = "SELECT status, seq, moved, peer, is_small FROM mark($1, $2, $3, $4, $5)";

/// Where a watermark is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// The watermark.
    pub seq: Seq,
    /// Whether this call has moved it.
    pub moved: bool,
    /// The other user of a dialog; none of a group.
    pub peer: Option<UserId>,
    /// Whether it is a group of few members. Only found out when the watermark has moved.
    pub is_small: bool,
}

impl Store {
    /// Moves a watermark of a present member forward, or leaves it where it is. A group of at most `few` members is small.
    ///
    /// # Errors
    /// Outside the database's; inside [`GatewayError::NotFound`], or [`GatewayError::Invalid`] when there is no such entry.
    pub async fn mark(
        &self,
        user: UserId,
        mark: Mark,
        few: i64,
    ) -> Result<Result<Marked, GatewayError>, StoreError> {
        let is_read = mark.kind == MarkKind::Read;
        let row = self.row(MARK, &[&mark.conversation.0, &user.0, &is_read, &mark.seq.0, &few]).await?;
        Ok(match row.try_get::<_, i16>(0)? {
            0 => Ok(Marked {
                seq: Seq(row.try_get(1)?),
                moved: row.try_get(2)?,
                peer: row.try_get::<_, Option<i64>>(3)?.map(UserId),
                is_small: row.try_get::<_, Option<bool>>(4)?.unwrap_or_default(),
            }),
            1 => Err(GatewayError::NotFound),
            2 => Err(GatewayError::invalid("seq", "is after the last entry")),
            _ => Err(GatewayError::Internal),
        })
    }
}
