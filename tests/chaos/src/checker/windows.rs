//! Who may see which places of a conversation, as the log itself tells.
//!
//! A dialog's two users see everything. A group's member sees from the entry that made him one up to the entry that
//! ended it, both included; who is added again has a second window.

use std::collections::HashMap;

use crate::history::{Entry, Kind};

/// First and last place; `i64::MAX` while it lasts.
type Window = (i64, i64);

#[derive(Debug, Default)]
pub(super) struct Windows {
    by_member: HashMap<(i64, i64), Vec<Window>>,
    conversations: HashMap<i64, Vec<i64>>,
}

impl Windows {
    pub(super) fn dialog(&mut self, conversation: i64, low: i64, high: i64) {
        for user in [low, high] {
            // A dialog with oneself has one user.
            if !self.by_member.contains_key(&(conversation, user)) {
                self.open(user, conversation, 1);
            }
        }
    }

    /// Takes the entries of a group in their order.
    pub(super) fn group(&mut self, entry: &Entry) {
        let (conversation, seq) = (entry.conversation, entry.seq);
        match (entry.kind, entry.subject) {
            (Kind::GroupCreated, _) => self.open(entry.sender, conversation, seq),
            (Kind::MemberAdded, Some(user)) => self.open(user, conversation, seq),
            (Kind::MemberLeft, _) => self.close(entry.sender, conversation, seq),
            (Kind::MemberRemoved, Some(user)) => self.close(user, conversation, seq),
            _ => {}
        }
    }

    fn open(&mut self, user: i64, conversation: i64, seq: i64) {
        let windows = self.by_member.entry((conversation, user)).or_default();
        if windows.is_empty() {
            self.conversations.entry(user).or_default().push(conversation);
        }
        if windows.last().is_none_or(|(_, to)| *to < seq) {
            windows.push((seq, i64::MAX));
        }
    }

    fn close(&mut self, user: i64, conversation: i64, seq: i64) {
        if let Some((_, to)) = self.by_member.get_mut(&(conversation, user)).and_then(|all| all.last_mut()) {
            *to = (*to).min(seq);
        }
    }

    pub(super) fn may_see(&self, user: i64, conversation: i64, seq: i64) -> bool {
        self.of(user, conversation).iter().any(|(from, to)| (*from..=*to).contains(&seq))
    }

    /// The parts of `from..=to` that the user may see.
    pub(super) fn visible(&self, user: i64, conversation: i64, from: i64, to: i64) -> Vec<Window> {
        let cut = |window: &Window| (window.0.max(from), window.1.min(to));
        self.of(user, conversation).iter().map(cut).filter(|(from, to)| from <= to).collect()
    }

    /// Where the user is or was a member.
    pub(super) fn conversations_of(&self, user: i64) -> &[i64] {
        self.conversations.get(&user).map_or(&[], Vec::as_slice)
    }

    fn of(&self, user: i64, conversation: i64) -> &[Window] {
        self.by_member.get(&(conversation, user)).map_or(&[], Vec::as_slice)
    }
}
