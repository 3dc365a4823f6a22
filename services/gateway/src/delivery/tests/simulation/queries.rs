//! What `store` reads, as its statements say it, from the plain lists.

use std::collections::{BTreeMap, HashMap};

use super::database::{Conversation, Database, Part};
use crate::domain::entry::{Entry, Head};
use crate::domain::ids::{ConversationId, Seq, UserId, Xid};
use crate::domain::reply::{ConversationKind, Watermarks};
use crate::domain::sync::{Bookmark, Sync};
use crate::store::{LogRow, Membership, ResumeHead, ResumeHeads, Stretch, Sweep};

impl Database {
    /// `naive`: the next sweep begins after the last transaction that this one has seen.
    pub(super) fn sweep(&self, from: Option<Xid>, transactions: i64, naive: bool) -> Sweep {
        let oldest = if naive { self.last_seen() + 1 } else { self.oldest_running() };
        let horizon = from.map_or(oldest, |Xid(from)| oldest.min(from + transactions));
        let mut heads = BTreeMap::new();
        for stored in self.conversations.values().flat_map(|conversation| &conversation.log) {
            if from.is_some_and(|Xid(from)| stored.xid >= from) && stored.xid < horizon {
                let head = stored.entry.head();
                heads.insert((head.conversation, head.users), head.seq);
            }
        }
        let head = |((conversation, users), seq)| Head { conversation, seq, users };
        Sweep {
            cursor: Xid(horizon),
            caught_up: horizon >= oldest,
            heads: heads.into_iter().map(head).collect(),
        }
    }

    fn last_seen(&self) -> i64 {
        self.conversations.values().map(|conversation| conversation.last_xid).max().unwrap_or(0)
    }

    pub(super) fn position_before(&self, conversation: ConversationId, cursor: Xid) -> Seq {
        self.conversations[&conversation].before(cursor.0, Seq::ZERO)
    }

    pub(super) fn entries_between(
        &self,
        conversation: ConversationId,
        after: Seq,
        up_to: Seq,
        limit: usize,
    ) -> Vec<Entry> {
        let log = &self.conversations[&conversation].log;
        let part =
            log.iter().map(|stored| &stored.entry).filter(|entry| entry.seq > after && entry.seq <= up_to);
        part.take(limit).cloned().collect()
    }

    pub(super) fn conversations_of(&self, user: UserId, since: Xid) -> Vec<Membership> {
        let membership = |(id, conversation): (&ConversationId, &Conversation)| {
            let part = conversation.members.get(&user).filter(|part| part.left.is_none())?;
            let (is_group, is_recent) = (conversation.users.is_none(), conversation.last_xid >= since.0);
            (is_group || is_recent).then(|| Membership {
                conversation: *id,
                joined_seq: part.joined,
                last_seq: conversation.last(),
                is_group,
                is_recent,
            })
        };
        self.conversations.iter().filter_map(membership).collect()
    }

    pub(super) fn resume_heads(
        &self,
        user: UserId,
        since: Option<Sync>,
        positions: &[(ConversationId, Seq)],
        after: Option<Bookmark>,
        limit: usize,
    ) -> ResumeHeads {
        let named: HashMap<_, _> = positions.iter().copied().collect();
        let mut found = ResumeHeads::default();
        let (mut told, mut grown) = (Vec::new(), BTreeMap::new());
        for (id, conversation) in &self.conversations {
            let position = named.get(id).copied();
            let Some(part) = conversation.members.get(&user) else {
                found.unknown.extend(position.map(|_| *id));
                continue;
            };
            let head = conversation.resume_head(*id, part, position, since);
            let latest = conversation.log.last().map(|stored| stored.entry.id.0);
            let place = Bookmark { xid: Xid(conversation.last_xid), conversation: *id, epoch: None };
            if position.is_some() {
                told.push((latest, head));
            } else if since.is_some_and(|since| conversation.has_grown(part, since.xid.0))
                && Some(place) > after
            {
                grown.insert(place, (latest, head));
            }
        }
        let has_more = grown.len() > limit;
        found.next = grown.keys().take(limit).next_back().copied().filter(|_| has_more);
        told.extend(grown.into_values().take(limit));
        told.sort_by_key(|(latest, _)| std::cmp::Reverse(*latest));
        found.heads = told.into_iter().map(|(_, head)| head).collect();
        found
    }

    /// Stretches as long as there is room; `has_room` says so of each.
    pub(super) fn stretches(
        &self,
        stretches: &[Stretch],
        mut has_room: impl FnMut() -> bool,
    ) -> Vec<(ConversationId, LogRow)> {
        let mut rows = Vec::new();
        for Stretch { conversation, after, top } in stretches {
            if has_room() {
                let entries = self.entries_between(*conversation, *after, *top, 100);
                rows.extend(entries.into_iter().map(|entry| (*conversation, log_row(entry))));
            }
        }
        rows
    }

    /// The first and the last place that the user may see.
    pub(super) fn window(&self, user: UserId, conversation: ConversationId) -> Option<(Seq, Seq)> {
        let conversation = self.conversations.get(&conversation)?;
        let part = conversation.members.get(&user)?;
        Some((part.joined, part.left.unwrap_or(conversation.last())))
    }
}

impl Conversation {
    /// The last place of an earlier transaction; `floor` if there is none.
    fn before(&self, xid: i64, floor: Seq) -> Seq {
        let earlier = self.log.iter().rev().find(|stored| stored.xid < xid);
        earlier.map_or(floor, |stored| stored.entry.seq.max(floor))
    }

    fn has_grown(&self, part: &Part, since: i64) -> bool {
        self.last_xid >= since && part.left.is_none_or(|left| self.label(left) >= since)
    }

    fn resume_head(
        &self,
        conversation: ConversationId,
        part: &Part,
        position: Option<Seq>,
        since: Option<Sync>,
    ) -> ResumeHead {
        let floor = Seq((part.joined.0 - 1).max(0));
        let top = part.left.unwrap_or(self.last());
        let held = || since.map_or(floor, |since| self.before(since.xid.0, floor).min(top));
        ResumeHead {
            conversation,
            kind: if self.users.is_some() { ConversationKind::Dialog } else { ConversationKind::Group },
            after: position.map_or_else(held, |position| position.max(floor)),
            top,
            own: Watermarks { read: Seq::ZERO, delivered: Seq::ZERO },
            member: part.left.is_none(),
        }
    }
}

pub(super) fn log_row(entry: Entry) -> LogRow {
    LogRow { seq: entry.seq, users: entry.head().users, entry: Some(entry) }
}
