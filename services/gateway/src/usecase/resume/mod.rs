//! Tells a client what it missed: where its conversations stand, and the entries as far as an answer goes.

pub(crate) mod cut;

pub(super) use cut::{ANSWER_BYTES, ENTRY_BYTES};

use super::Messenger;
use super::names::users_in;
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::reply::{Reply, Resumed};
use crate::domain::sync::{Bookmark, Sync};

use cut::Missed;

impl Messenger {
    pub(super) async fn resume(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
        after: Option<Bookmark>,
    ) -> Result<Reply, GatewayError> {
        let found = self.store.resume_heads(user, since, positions, after).await?;
        let (stretches, budget) = cut::stretches(&found.heads);
        let mut rows = Vec::new();
        if !stretches.is_empty() {
            rows = self.store.stretches(&stretches, budget).await?;
        }
        let names = self.names(users_in(rows.iter().map(|(_, row)| row))).await;
        let resumed = |missed: Missed| {
            let head = missed.head;
            Resumed {
                conversation: head.conversation,
                kind: head.kind,
                last_seq: head.top,
                own: head.own,
                member: head.member,
                limited: missed.limited,
                entries: missed.rows.into_iter().map(|row| names.place(head.conversation, row)).collect(),
            }
        };
        let conversations = cut::missed(found.heads, rows).into_iter().map(resumed).collect();
        Ok(Reply::Resumed { conversations, unknown: found.unknown, next: found.next })
    }
}
