//! Everything that is held about a user here, as lines of JSON.

use std::io::Write;

use messenger_chassis::command::Failure;
use uuid::Uuid;

use super::told::{BlockRow, ConversationRow, EntryRow, Line};
use super::{Care, PAGE};
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::{Limit, MAX_LIMIT};

impl<W: Write> Care<W> {
    /// Conversations by their numbers, each followed by what the user has caused in it; then blocks. Page by page: a user
    /// who goes on meanwhile may see some of it or not.
    pub(super) async fn export(&mut self, user: UserId) -> Result<(), Failure> {
        self.report.audit("user export", Some(user.0));
        self.counts(user).await?;
        let mut after = ConversationId(0);
        loop {
            let page = self.store.memberships(user, after, PAGE).await?;
            for (member, record) in &page {
                self.report.object(&Line::Conversation(ConversationRow::of(record, member)))?;
                self.export_entries(record.id, user).await?;
            }
            match page.last() {
                Some((_, record)) => after = record.id,
                None => return self.export_blocks(user).await,
            }
        }
    }

    async fn export_entries(&mut self, conversation: ConversationId, user: UserId) -> Result<(), Failure> {
        let mut from = Some(Uuid::nil());
        while let Some(key) = from {
            let (rows, next) = self.store.entries_of(conversation, user, key, PAGE).await?;
            for entry in rows.iter().filter_map(|row| row.entry.as_ref()) {
                self.report.object(&Line::Entry(EntryRow::of(entry, true)))?;
            }
            from = next;
        }
        Ok(())
    }

    async fn export_blocks(&mut self, user: UserId) -> Result<(), Failure> {
        let limit = Limit::new(MAX_LIMIT).map_err(|_| crate::store::StoreError::Internal)?;
        let mut after = None;
        loop {
            let page = self.store.blocked(user, after, limit).await?;
            for block in &page {
                self.report.object(&Line::Block(BlockRow::from(block)))?;
            }
            match page.last() {
                Some(last) => after = Some(last.user),
                None => return Ok(()),
            }
        }
    }
}
