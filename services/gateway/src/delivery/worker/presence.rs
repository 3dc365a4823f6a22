//! Who is here, and what that makes of interest: users come and go, and with them the tracks of their conversations.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::Worker;
use crate::delivery::track::Track;
use crate::domain::ids::{ConversationId, UserId};
use crate::fanout::Channel;
use crate::store;

/// A user with sockets here.
#[derive(Debug, Default)]
pub(super) struct Presence {
    pub(super) sockets: usize,
    pub(super) groups: HashSet<ConversationId>,
    pub(super) dialogs: HashMap<ConversationId, UserId>,
}

impl Worker {
    /// A present user is in this group.
    pub(super) fn attach(&mut self, user: UserId, group: &store::Membership, now: Instant) {
        let Some(presence) = self.present.get_mut(&user) else { return };
        let (generations, since) = (&mut self.generations, self.cursor);
        // Of a log that is growing, something may be on its way that concerns others here, or this user's other sockets:
        // all of it goes through the gate, and this socket's floor holds back what is no news to it.
        let position = (!group.is_recent).then_some(group.last_seq);
        let track = self.tracks.entry(group.conversation).or_insert_with(|| {
            *generations += 1;
            Track::new(*generations, position, since, now)
        });
        if group.is_recent {
            track.gate.see_head(group.last_seq, now);
        }
        let deserted = track.is_deserted();
        // A track that nobody needed may lag behind: what was said before this socket came is no news to it.
        let lags = deserted && !group.is_recent;
        let from = if lags { group.joined_seq.max(group.last_seq.next()) } else { group.joined_seq };
        if track.attach(user, from, group.last_seq) {
            presence.groups.insert(group.conversation);
            if deserted {
                self.bus.join(Channel::Conversation(group.conversation));
            }
        }
        self.pursue(group.conversation, now);
    }

    /// One socket of the user is gone. With the last one, what only that user wanted to hear is forgotten: a position
    /// kept without listening would be wrong when the user comes back. False when a presence of the user still waits
    /// in the queue.
    pub(super) fn depart(&mut self, user: UserId) -> bool {
        let Entry::Occupied(mut entry) = self.present.entry(user) else { return false };
        // Who is here cannot be the last one to go: either that is another socket, whose presence still waits in the queue,
        // or another one is opening, which hears already what is delivered.
        if entry.get().sockets == 1 && self.hub.has(user) {
            return false;
        }
        entry.get_mut().sockets -= 1;
        if entry.get().sockets > 0 {
            return true;
        }
        let presence = entry.remove();
        for group in presence.groups {
            let Some(track) = self.tracks.get_mut(&group) else { continue };
            track.detach(user);
            if track.is_deserted() {
                self.bus.leave(Channel::Conversation(group));
                // What it still waits for may bring in somebody who is here, and if somebody is here who was taken out, it
                // knows what he has heard.
                if track.gate.is_settled() && !track.has_dismissed(|user| self.present.contains_key(&user)) {
                    self.forget(group);
                }
            }
        }
        for (dialog, peer) in presence.dialogs {
            if !self.present.contains_key(&peer) {
                self.forget(dialog);
            }
        }
        true
    }
}

pub(super) fn note_dialog(
    present: &mut HashMap<UserId, Presence>,
    dialog: ConversationId,
    user: UserId,
    peer: UserId,
) {
    if let Some(presence) = present.get_mut(&user) {
        presence.dialogs.insert(dialog, peer);
    }
}
