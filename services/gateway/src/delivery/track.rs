//! What one replica knows of one conversation while somebody here listens: its gate and its local members.
//! Pure: time and log come in.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::gate::Gate;
use super::held::{Place, Weight};
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::ids::{Seq, UserId, Xid};

/// Changes of membership that are remembered, to settle which of two came later.
const CHANGES_MAX: usize = 256;

/// One conversation of interest.
#[derive(Debug)]
pub(super) struct Track<T> {
    /// Puts its entries in order.
    pub(super) gate: Gate<T>,
    /// Distinguishes it from an earlier track of the same conversation.
    pub(super) generation: u64,
    /// Up to which transaction everything had been handed over when the track began: its position lies before the rest.
    pub(super) since: Option<Xid>,
    /// Up to here everything lies before the worker's cursor.
    pub(super) swept: Option<Seq>,
    /// What the gate holds, as the worker's shelf knows it.
    pub(super) place: Place,
    /// When something was released last.
    pub(super) used_at: Instant,
    /// Local members of a group, with the position from which on they may see entries. Empty for a dialog.
    members: HashMap<UserId, Seq>,
    changes: VecDeque<(UserId, Seq, bool)>,
}

/// What a released entry did to the local members.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// Nothing.
    Same,
    /// This user, if here, is a member from now on.
    Came(UserId),
    /// This user is no member any more.
    Left(UserId),
}

impl<T: Weight> Track<T> {
    pub(super) fn new(generation: u64, position: Option<Seq>, since: Option<Xid>, now: Instant) -> Self {
        Self {
            gate: Gate::new(position),
            swept: None,
            generation,
            since,
            place: Place::default(),
            used_at: now,
            members: HashMap::new(),
            changes: VecDeque::new(),
        }
    }

    /// Applies what an entry says of membership. It must have been released by the gate.
    pub(super) fn apply(&mut self, entry: &Entry, is_here: impl Fn(UserId) -> bool) -> Membership {
        let Some(user) = entry.recipient else { return Membership::Same };
        match entry.kind {
            EntryKind::Message | EntryKind::GroupRenamed | EntryKind::RoleChanged => Membership::Same,
            EntryKind::GroupCreated | EntryKind::MemberAdded => {
                self.remember(user, entry.seq, true);
                if !is_here(user) {
                    return Membership::Same;
                }
                self.members.insert(user, entry.seq);
                Membership::Came(user)
            }
            EntryKind::MemberLeft | EntryKind::MemberRemoved => {
                self.remember(user, entry.seq, false);
                match self.members.get(&user) {
                    Some(from) if *from <= entry.seq => {
                        self.members.remove(&user);
                        Membership::Left(user)
                    }
                    _ => Membership::Same,
                }
            }
        }
    }

    /// A user of this group connected. `joined` and `head` are as the log had them at one moment; what this track has
    /// released after `head` is newer and wins. Returns whether the user counts as a member here.
    pub(super) fn attach(&mut self, user: UserId, joined: Seq, head: Seq) -> bool {
        let later = self.changes.iter().rev().find(|(who, seq, _)| *who == user && *seq > head);
        match later {
            Some((_, _, false)) => false,
            Some((_, seq, true)) => {
                self.members.insert(user, *seq);
                true
            }
            None => {
                // Another socket of the user may still have to hear of an earlier membership, to its end.
                let from = self.members.entry(user).or_insert(joined);
                *from = joined.min(*from);
                true
            }
        }
    }

    /// A user is not connected here any more.
    pub(super) fn detach(&mut self, user: UserId) {
        self.members.remove(&user);
    }

    /// The local members who may see the entry at `seq`.
    pub(super) fn audience(&self, seq: Seq) -> impl Iterator<Item = UserId> {
        self.members.iter().filter(move |(_, from)| **from <= seq).map(|(user, _)| *user)
    }

    /// Whether no member of the group is here.
    pub(super) fn is_deserted(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether somebody for whom `is_here` holds has been seen to go.
    pub(super) fn has_dismissed(&self, is_here: impl Fn(UserId) -> bool) -> bool {
        self.changes.iter().any(|(user, _, member)| !member && is_here(*user))
    }

    /// Whether entries are of interest that concern nobody by name: a member is here, or may be about to come.
    pub(super) fn is_followed(&self) -> bool {
        !self.is_deserted() || !self.gate.is_settled()
    }

    fn remember(&mut self, user: UserId, seq: Seq, member: bool) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back((user, seq, member));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{ConversationId, EntryId};

    const USER: UserId = UserId(7);

    fn entry(kind: EntryKind, seq: i64) -> Entry {
        Entry {
            conversation: ConversationId(1),
            seq: Seq(seq),
            id: EntryId(seq),
            uuid: Uuid::nil(),
            kind,
            sender: UserId(1),
            recipient: Some(USER),
            client_id: Uuid::nil(),
            target: None,
            body: "".into(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            deleted_at: None,
        }
    }

    impl Weight for () {
        fn bytes(&self) -> usize {
            0
        }
    }

    fn track() -> Track<()> {
        Track::new(1, Some(Seq(10)), None, Instant::now())
    }

    fn sees(track: &Track<()>, seq: i64) -> bool {
        track.audience(Seq(seq)).any(|user| user == USER)
    }

    #[tokio::test]
    async fn a_member_sees_from_the_own_joining_to_the_own_leaving() {
        let mut track = track();
        assert_eq!(track.apply(&entry(EntryKind::MemberAdded, 11), |_| true), Membership::Came(USER));
        assert!(!sees(&track, 10));
        assert!(sees(&track, 11));
        assert_eq!(track.apply(&entry(EntryKind::MemberLeft, 12), |_| true), Membership::Left(USER));
        assert!(!sees(&track, 12));
    }

    #[tokio::test]
    async fn somebody_who_is_elsewhere_is_no_local_member() {
        let mut track = track();
        assert_eq!(track.apply(&entry(EntryKind::MemberAdded, 11), |_| false), Membership::Same);
        assert!(track.is_deserted());
    }

    #[tokio::test]
    async fn a_leave_that_was_released_wins_over_an_older_list() {
        let mut track = track();
        track.apply(&entry(EntryKind::MemberLeft, 12), |_| true);
        assert!(!track.attach(USER, Seq(2), Seq(11)), "the list was read before the leave");
        assert!(track.attach(USER, Seq(13), Seq(13)), "the list was read after a new joining");
    }

    #[tokio::test]
    async fn a_second_socket_takes_nothing_from_the_first() {
        let mut track = track();
        assert!(track.attach(USER, Seq(2), Seq(10)));
        assert!(
            track.attach(USER, Seq(13), Seq(13)),
            "the user has left and come back, which is not released yet"
        );
        assert!(sees(&track, 11));
        assert_eq!(track.apply(&entry(EntryKind::MemberLeft, 12), |_| true), Membership::Left(USER));
        assert_eq!(track.apply(&entry(EntryKind::MemberAdded, 13), |_| true), Membership::Came(USER));
        assert!(sees(&track, 13));
    }

    #[tokio::test]
    async fn a_stale_leave_does_not_remove_who_came_back() {
        let mut track = track();
        assert!(track.attach(USER, Seq(15), Seq(15)));
        assert_eq!(track.apply(&entry(EntryKind::MemberLeft, 12), |_| true), Membership::Same);
        assert!(sees(&track, 15));
    }
}
