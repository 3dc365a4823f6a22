//! The database as plain lists. As in PostgreSQL a transaction has its number from its beginning, waits for the rows
//! that others hold, and is seen at its commit: so numbers become visible out of their order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::chance::Chance;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::ids::{ConversationId, EntryId, Seq, UserId};

/// Users are 1 to this.
pub(super) const USERS: i64 = 4;
const DIALOGS: [(i64, i64); 4] = [(1, 2), (1, 3), (2, 4), (1, 1)];
const FIRST_XID: i64 = 100;

/// What a statement changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Write {
        conversation: ConversationId,
        sender: UserId,
        count: u32,
    },
    Found {
        creator: UserId,
    },
    Add {
        group: ConversationId,
        actor: UserId,
        user: UserId,
    },
    /// A leave, when the actor is the user.
    Remove {
        group: ConversationId,
        actor: UserId,
        user: UserId,
    },
    Rename {
        group: ConversationId,
        actor: UserId,
    },
}

/// An entry with its label.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    pub(super) xid: i64,
}

/// A row of `members`: the latest part that a user may see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) joined: Seq,
    pub(super) left: Option<Seq>,
}

#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// Of a dialog.
    pub(super) users: Option<(UserId, UserId)>,
    pub(super) log: Vec<Stored>,
    pub(super) members: BTreeMap<UserId, Part>,
    /// Parts that users have been able to see before they came back.
    past: Vec<(UserId, Part)>,
    pub(super) last_xid: i64,
    holder: Option<i64>,
}

#[derive(Debug)]
struct Transaction {
    changes: Vec<Change>,
    gateway: usize,
    /// When it asks for its rows.
    locks_at: u32,
    /// Known once it holds them.
    commits_at: Option<u32>,
    length: u32,
    fails: bool,
}

#[derive(Debug)]
pub(super) struct Database {
    pub(super) conversations: BTreeMap<ConversationId, Conversation>,
    running: BTreeMap<i64, Transaction>,
    pub(super) next_xid: i64,
    next_id: i64,
}

impl Database {
    pub(super) fn new() -> Self {
        let dialog = |(number, (low, high)): (usize, (i64, i64))| {
            let part = Part { joined: Seq::ZERO, left: None };
            let members = [low, high].map(|user| (UserId(user), part)).into_iter().collect();
            let users = Some((UserId(low), UserId(high)));
            let id = ConversationId(i64::try_from(number).unwrap() + 1);
            (id, Conversation { users, members, ..Conversation::default() })
        };
        let conversations = DIALOGS.into_iter().enumerate().map(dialog).collect();
        Self { conversations, running: BTreeMap::new(), next_xid: FIRST_XID, next_id: 1 }
    }

    /// A gateway sends a statement.
    pub(super) fn begin(&mut self, gateway: usize, changes: Vec<Change>, step: u32, chance: &mut Chance) {
        let length = if chance.one_in(12) { chance.below(50) } else { chance.below(5) };
        let locks_at = step + chance.pick(&[0, 0, 1, 3, 10]);
        let fails = chance.one_in(20);
        let transaction = Transaction { changes, gateway, locks_at, commits_at: None, length, fails };
        self.running.insert(self.next_xid, transaction);
        self.next_xid += 1;
    }

    /// Lets transactions go on. Returns what was committed, and through whom.
    pub(super) fn advance(&mut self, step: u32, chance: &mut Chance) -> Vec<(usize, Vec<Entry>)> {
        let mut committed = Vec::new();
        for xid in self.running.keys().copied().collect::<Vec<_>>() {
            // The order in which waiters get a row is not that of their numbers.
            if chance.one_in(3) {
                continue;
            }
            let Transaction { locks_at, commits_at, .. } = self.running[&xid];
            match commits_at {
                None if locks_at <= step && self.lock(xid) => {
                    let running = self.running.get_mut(&xid).unwrap();
                    running.commits_at = Some(step + running.length);
                }
                Some(at) if at <= step => committed.push(self.commit(xid)),
                _ => {}
            }
        }
        committed
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// The number before which no transaction runs.
    pub(super) fn oldest_running(&self) -> i64 {
        self.running.keys().next().copied().unwrap_or(self.next_xid)
    }

    fn rows_of(&self, xid: i64) -> Vec<ConversationId> {
        let row = |change: &Change| match *change {
            Change::Write { conversation, .. } => Some(conversation),
            Change::Found { .. } => None,
            Change::Add { group, .. } | Change::Remove { group, .. } | Change::Rename { group, .. } => {
                Some(group)
            }
        };
        self.running[&xid].changes.iter().filter_map(row).collect()
    }

    fn lock(&mut self, xid: i64) -> bool {
        let rows = self.rows_of(xid);
        if rows.iter().any(|row| self.conversations[row].holder.is_some()) {
            return false;
        }
        for row in rows {
            self.conversations.get_mut(&row).unwrap().holder = Some(xid);
        }
        true
    }

    fn commit(&mut self, xid: i64) -> (usize, Vec<Entry>) {
        for row in self.rows_of(xid) {
            self.conversations.get_mut(&row).unwrap().holder = None;
        }
        let Transaction { changes, gateway, fails, .. } = self.running.remove(&xid).unwrap();
        let made = changes.into_iter().filter(|_| !fails).flat_map(|change| self.apply(xid, change));
        (gateway, made.collect())
    }

    fn apply(&mut self, xid: i64, change: Change) -> Vec<Entry> {
        match change {
            Change::Write { conversation, sender, count } => {
                let log = &self.conversations[&conversation];
                if !log.is_member(sender) {
                    return Vec::new();
                }
                let peer = log.users.map(|(low, high)| if sender == low { high } else { low });
                (0..count).map(|_| self.append(xid, conversation, EntryKind::Message, sender, peer)).collect()
            }
            Change::Found { creator } => {
                let group = ConversationId(i64::try_from(self.conversations.len()).unwrap() + 1);
                self.conversations.insert(group, Conversation::default());
                let founded = self.append(xid, group, EntryKind::GroupCreated, creator, Some(creator));
                self.conversations.get_mut(&group).unwrap().join(creator, founded.seq);
                vec![founded]
            }
            Change::Add { group, actor, user } => {
                let log = &self.conversations[&group];
                if !log.is_member(actor) || log.is_member(user) {
                    return Vec::new();
                }
                let added = self.append(xid, group, EntryKind::MemberAdded, actor, Some(user));
                self.conversations.get_mut(&group).unwrap().join(user, added.seq);
                vec![added]
            }
            Change::Remove { group, actor, user } => {
                let log = &self.conversations[&group];
                if !log.is_member(actor) || !log.is_member(user) {
                    return Vec::new();
                }
                let kind = if actor == user { EntryKind::MemberLeft } else { EntryKind::MemberRemoved };
                let left = self.append(xid, group, kind, actor, Some(user));
                let log = self.conversations.get_mut(&group).unwrap();
                log.members.get_mut(&user).unwrap().left = Some(left.seq);
                vec![left]
            }
            Change::Rename { group, actor } => {
                let may = self.conversations[&group].is_member(actor);
                let renamed = may.then(|| self.append(xid, group, EntryKind::GroupRenamed, actor, None));
                renamed.into_iter().collect()
            }
        }
    }

    fn append(
        &mut self,
        xid: i64,
        conversation: ConversationId,
        kind: EntryKind,
        sender: UserId,
        recipient: Option<UserId>,
    ) -> Entry {
        let number = Uuid::from_u128(u128::try_from(self.next_id).unwrap());
        let log = self.conversations.get_mut(&conversation).unwrap();
        log.last_xid = log.last_xid.max(xid);
        let entry = Entry {
            conversation,
            seq: log.last().next(),
            id: EntryId(self.next_id),
            uuid: number,
            kind,
            sender,
            recipient,
            client_id: number,
            target: None,
            body: "text".into(),
            created_at: Timestamp::UNIX_EPOCH,
            deleted_at: None,
        };
        self.next_id += 1;
        log.log.push(Stored { entry: entry.clone(), xid: log.last_xid });
        entry
    }
}

impl Conversation {
    pub(super) fn last(&self) -> Seq {
        self.log.last().map_or(Seq::ZERO, |stored| stored.entry.seq)
    }

    /// The transaction id that the entry at a place bears.
    pub(super) fn label(&self, seq: Seq) -> i64 {
        self.log[usize::try_from(seq.0 - 1).unwrap()].xid
    }

    pub(super) fn is_member(&self, user: UserId) -> bool {
        self.members.get(&user).is_some_and(|part| part.left.is_none())
    }

    fn join(&mut self, user: UserId, seq: Seq) {
        if let Some(before) = self.members.insert(user, Part { joined: seq, left: None }) {
            self.past.push((user, before));
        }
    }

    /// The part around a place that the user may see or has been able to.
    pub(super) fn part_around(&self, user: UserId, seq: Seq) -> Option<Part> {
        let past = self.past.iter().filter(|(who, _)| *who == user).map(|(_, part)| *part);
        let has = |part: &Part| (part.joined.0.max(1)..=part.left.unwrap_or(self.last()).0).contains(&seq.0);
        past.chain(self.members.get(&user).copied()).find(has)
    }

    pub(super) fn is_visible(&self, user: UserId, seq: Seq) -> bool {
        self.part_around(user, seq).is_some()
    }
}
