//! What a user leaves behind, taken away: texts, memberships of groups, marks, blocks.

use std::io::Write;

use messenger_chassis::command::Failure;
use uuid::Uuid;

use super::told::Erased;
use super::{Care, PAGE, pause};
use crate::cli::Pace;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::{Limit, MAX_LIMIT};
use crate::domain::reply::ConversationKind;

impl<W: Write> Care<W> {
    /// May be stopped anywhere and repeated: what is done is not found again.
    pub(super) async fn erase(&mut self, user: UserId, pace: Pace) -> Result<(), Failure> {
        self.report.audit("user erase", Some(user.0));
        self.counts(user).await?;
        let mut erased = Erased { user_id: user.0, ..Erased::default() };
        let mut after = ConversationId(0);
        loop {
            let page = self.store.memberships(user, after, PAGE).await?;
            for (member, record) in &page {
                erased.conversations += 1;
                // First, so that nothing new comes after what is removed next.
                if record.kind == ConversationKind::Group && member.left_seq.is_none() {
                    let left = self.store.leave_group(record.id, user).await?;
                    erased.groups_left += u64::from(left.is_ok());
                }
                erased.messages += self.erase_texts(record.id, user, pace).await?;
                self.store.forget_marks(record.id, user).await?;
            }
            match page.last() {
                Some((_, record)) => after = record.id,
                None => break,
            }
        }
        erased.blocks = self.erase_blocks(user).await?;
        Ok(self.report.one(&erased)?)
    }

    async fn erase_texts(
        &self,
        conversation: ConversationId,
        user: UserId,
        pace: Pace,
    ) -> Result<u64, Failure> {
        let (mut messages, mut from) = (0, Some(Uuid::nil()));
        while let Some(key) = from {
            let (some, next) = self.store.remove_own(conversation, user, key, pace.batch).await?;
            messages += some;
            from = next;
            if some > 0 {
                pause(pace).await;
            }
        }
        Ok(messages)
    }

    /// Those who have blocked him keep their blocks.
    async fn erase_blocks(&self, user: UserId) -> Result<u64, Failure> {
        let limit = Limit::new(MAX_LIMIT).map_err(|_| crate::store::StoreError::Internal)?;
        let mut blocks = 0;
        loop {
            let page = self.store.blocked(user, None, limit).await?;
            if page.is_empty() {
                return Ok(blocks);
            }
            for block in page {
                self.store.unblock(user, block.user).await?;
                blocks += 1;
            }
        }
    }
}
