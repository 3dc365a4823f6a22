//! Tells a client what it missed: where its conversations stand, and the entries as far as an answer goes.

pub(crate) mod cut;

pub(super) use cut::{ANSWER_BYTES, ENTRY_BYTES};

use messenger_chassis::lifecycle::Tasks;

use super::Messenger;
use super::names::users_in;
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::reply::{Reply, Resumed};
use crate::domain::sync::{Bookmark, Sync};
use crate::store::{Crowd, Store};

use cut::Missed;

/// Who, and since when: whether there is nothing to tell. Of a crowd that was away for a moment this is so of most.
pub type Rested = Crowd<(UserId, Sync), bool>;

/// Starts the reader, which takes one connection at most.
pub fn rested(store: Store, tasks: &Tasks) -> Rested {
    Crowd::start("rested", store.call_limit(), tasks, move |asked: Vec<(UserId, Sync)>| {
        let store = store.clone();
        async move { store.rested_since(&asked).await }
    })
}

impl Messenger {
    pub(super) async fn resume(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
        after: Option<Bookmark>,
    ) -> Result<Reply, GatewayError> {
        // Where the look for many has failed, each is on his own: one who has missed much must not take the others along.
        if let (Some(since), [], None) = (since, positions, after)
            && self.rested.ask((user, since)).await.unwrap_or(false)
        {
            return Ok(Reply::Resumed { conversations: Vec::new(), unknown: Vec::new(), next: None });
        }
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
