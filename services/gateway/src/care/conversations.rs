//! To look at conversations, and at how much there is of a user.

use std::io::Write;

use messenger_chassis::command::Failure;

use super::told::{ConversationRow, EntryRow, MemberRow, Shown, UserCounts};
use super::{Care, PAGE};
use crate::cli::Which;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::store::{Counts, Record};

const NO_CONVERSATION: Failure = Failure::NotFound("conversation");
/// Nobody here knows of users who never had a conversation.
pub(super) const NO_USER: Failure = Failure::NotFound("user here");

impl<W: Write> Care<W> {
    pub(super) async fn show(&mut self, which: Which) -> Result<(), Failure> {
        let id = match which {
            Which::Id(id) => id,
            Which::Uuid(uuid) => self.store.id_of_uuid(uuid).await?.ok_or(NO_CONVERSATION)?,
        };
        self.report.audit("conversations show", Some(id.0));
        let record = self.conversation(id).await?;
        let (mut members, mut after) = (Vec::new(), UserId(0));
        loop {
            let page = self.store.members(id, after, PAGE).await?;
            members.extend(page.iter().map(MemberRow::from));
            match page.last() {
                Some(last) => after = last.user,
                None => break,
            }
        }
        Ok(self.report.one(&Shown { conversation: ConversationRow::from(&record), members })?)
    }

    pub(super) async fn list(
        &mut self,
        user: UserId,
        after: ConversationId,
        limit: i64,
    ) -> Result<(), Failure> {
        self.report.audit("conversations list", Some(user.0));
        self.counts(user).await?;
        let page = self.store.memberships(user, after, limit).await?;
        let rows = page.iter().map(|(member, record)| ConversationRow::of(record, member));
        Ok(self.report.rows(&rows.collect::<Vec<_>>())?)
    }

    pub(super) async fn entries(
        &mut self,
        id: ConversationId,
        after: Seq,
        limit: i64,
        bodies: bool,
    ) -> Result<(), Failure> {
        let action = if bodies { "conversations entries --bodies" } else { "conversations entries" };
        self.report.audit(action, Some(id.0));
        self.conversation(id).await?;
        let rows = self.store.entries_between(id, after, Seq(i64::MAX), limit).await?;
        let entries = rows.iter().filter_map(|row| row.entry.as_ref());
        Ok(self.report.rows(&entries.map(|entry| EntryRow::of(entry, bodies)).collect::<Vec<_>>())?)
    }

    pub(super) async fn show_user(&mut self, id: UserId) -> Result<(), Failure> {
        self.report.audit("user show", Some(id.0));
        let counts = self.counts(id).await?;
        Ok(self.report.one(&UserCounts::of(id, counts))?)
    }

    /// How much there is of a user, if there is anything.
    pub(super) async fn counts(&self, user: UserId) -> Result<Counts, Failure> {
        let counts = self.store.counts(user).await?;
        let any = counts.dialogs + counts.groups + counts.left + counts.blocked > 0;
        any.then_some(counts).ok_or(NO_USER)
    }

    async fn conversation(&self, id: ConversationId) -> Result<Record, Failure> {
        self.store.record(id).await?.ok_or(NO_CONVERSATION)
    }
}
