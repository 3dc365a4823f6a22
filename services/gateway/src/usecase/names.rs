//! Names for what is read from the log. A page without names is worth more than one that comes late or not at all.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::timeout;

use super::Messenger;
use crate::domain::entry::Entry;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::reply::Place;
use crate::store::LogRow;

/// Users asked for with one call: a part of the directory's queue, whatever else goes on.
const NAMES_AT_ONCE: usize = 500;
/// How long an answer may wait for names altogether.
const NAMES_PATIENCE: Duration = Duration::from_secs(1);

/// Who was found; anybody else has no name.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<UserId, Author>);

impl Names {
    pub(super) fn of(&self, user: UserId) -> Author {
        self.0.get(&user).cloned().unwrap_or_default()
    }

    /// An entry with whom it tells of.
    pub(super) fn event(&self, entry: Entry) -> Event {
        let subject = subject(&entry).map(|user| self.of(user)).unwrap_or_default();
        Event { author: self.of(entry.sender), subject, entry }
    }

    /// A place of a log with whom it tells of.
    pub(super) fn place(&self, conversation: ConversationId, row: LogRow) -> Place {
        match row.entry {
            Some(entry) => Place::Event(Box::new(self.event(entry))),
            None => Place::Unreadable(conversation, row.seq),
        }
    }
}

impl Messenger {
    /// The names of these users as accounts says or, where it does not answer in time, as far as they are known.
    pub(super) async fn names(&self, users: HashSet<UserId>) -> Names {
        let users: Vec<_> = users.into_iter().collect();
        let mut names = HashMap::with_capacity(users.len());
        let ask = async {
            for some in users.chunks(NAMES_AT_ONCE) {
                let Ok(profiles) = self.directory.get(some).await else { return };
                names.extend(profiles.into_iter().map(|(user, profile)| (user, profile.author())));
            }
        };
        // Too late is as good as no answer.
        let _ = timeout(NAMES_PATIENCE, ask).await;
        for user in users {
            if let (false, Some(profile)) = (names.contains_key(&user), self.directory.peek(user)) {
                names.insert(user, profile.author());
            }
        }
        Names(names)
    }
}

/// Whom these rows of logs tell of.
pub(super) fn users_in<'a>(rows: impl Iterator<Item = &'a LogRow>) -> HashSet<UserId> {
    let entries = rows.filter_map(|row| row.entry.as_ref());
    entries.flat_map(|entry| [Some(entry.sender), subject(entry)]).flatten().collect()
}

/// Whom an entry of membership is about.
fn subject(entry: &Entry) -> Option<UserId> {
    entry.recipient.filter(|_| entry.kind.is_membership())
}
