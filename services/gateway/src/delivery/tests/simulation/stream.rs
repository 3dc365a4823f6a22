//! What a socket may be told: of each conversation every place that its user may see, once, in order, from some moment
//! of its opening on. Older things may come, too: what lies before its mark and waited behind a hole when it opened, and
//! what is left of a part that ended before it was open. What it heard before it was open it may hear again.

use std::collections::BTreeMap;

use super::database::Database;
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};

/// How far each conversation had grown at some moment.
pub(super) type Heads = BTreeMap<ConversationId, Seq>;

pub(super) fn heads(database: &Database) -> Heads {
    database.conversations.iter().map(|(id, conversation)| (*id, conversation.last())).collect()
}

#[derive(Debug)]
pub(super) struct Stream {
    user: UserId,
    /// The mark: what was swept before.
    since: Xid,
    /// When the socket began to open: nothing older is told that the mark does not cover.
    opened: Heads,
    /// When it was open: everything later is told.
    pub(super) greeted: Heads,
    told: Heads,
}

impl Stream {
    pub(super) fn new(user: UserId, since: Xid, database: &Database) -> Self {
        Self { user, since, opened: heads(database), greeted: Heads::new(), told: Heads::new() }
    }

    /// Takes an entry (`from` is `to`) or a gap.
    pub(super) fn take(
        &mut self,
        database: &Database,
        id: ConversationId,
        from: Seq,
        to: Seq,
    ) -> Result<(), String> {
        let wrong =
            |what: &str| Err(format!("a socket of user {} was told {id}:{from}-{to}, {what}", self.user));
        let conversation = &database.conversations[&id];
        let head = |heads: &Heads| heads.get(&id).copied().unwrap_or(Seq::ZERO);
        let part = conversation.part_around(self.user, from);
        let had_ended = part.and_then(|part| part.left).is_some_and(|left| left <= head(&self.greeted));
        let is_marked = conversation.label(from) < self.since.0;
        if from <= head(&self.opened) && !is_marked && !had_ended {
            return wrong("which is older than the socket");
        }
        if !conversation.is_visible(self.user, from) || !conversation.is_visible(self.user, to) {
            return wrong("which its user may not see");
        }
        let is_again = self.told.get(&id).is_some_and(|told| from <= *told);
        if is_again && from > head(&self.greeted) {
            return wrong("after a later one");
        }
        let before = head(&self.told).max(head(&self.greeted));
        if let Some(hole) = (before.0 + 1..from.0).find(|seq| conversation.is_visible(self.user, Seq(*seq))) {
            return wrong(&format!("but not {hole} before"));
        }
        let told = self.told.entry(id).or_insert(to);
        *told = to.max(*told);
        Ok(())
    }
}
