//! Names met so far, and what a typed name means. Pure.

use std::collections::BTreeMap;

use messenger_client::session::Chat;

use crate::show::plain;

/// Most names kept; who talks to more is shown the later ones by number.
pub(crate) const KEPT: usize = 10_000;

/// Users and groups by id, with cleaned names.
#[derive(Debug)]
pub(crate) struct Names {
    me: i64,
    names: BTreeMap<Chat, String>,
    /// The other user of each dialog, by conversation.
    dialogs: BTreeMap<i64, i64>,
}

/// What a typed word may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    User,
    Group,
    Any,
}

/// Why a word names nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// No such name was met.
    Unknown,
    /// Several have it.
    Several(Vec<Chat>),
}

impl Names {
    pub(crate) fn new(me: i64, name: Option<&str>) -> Self {
        let mut names = Self { me, names: BTreeMap::new(), dialogs: BTreeMap::new() };
        names.learn(Chat::Dialog(me), name);
        names
    }

    pub(crate) fn me(&self) -> i64 {
        self.me
    }

    pub(crate) fn learn(&mut self, chat: Chat, name: Option<&str>) {
        let Some(name) = name.map(plain).filter(|name| !name.trim().is_empty()) else { return };
        if self.names.len() < KEPT || self.names.contains_key(&chat) {
            self.names.insert(chat, name);
        }
    }

    pub(crate) fn learn_dialog(&mut self, conversation: i64, peer: i64) {
        if self.dialogs.len() < KEPT || self.dialogs.contains_key(&conversation) {
            self.dialogs.insert(conversation, peer);
        }
    }

    /// What a conversation is: a group's has the group's number, and what is no dialog that was met is one.
    pub(crate) fn chat(&self, conversation: i64) -> Chat {
        self.dialogs.get(&conversation).map_or(Chat::Group(conversation), |peer| Chat::Dialog(*peer))
    }

    /// The conversation of a chat; `None` for a dialog that was not met.
    pub(crate) fn conversation(&self, chat: Chat) -> Option<i64> {
        match chat {
            Chat::Group(id) => Some(id),
            Chat::Dialog(peer) => self.dialogs.iter().find(|(_, of)| **of == peer).map(|(id, _)| *id),
        }
    }

    /// `Ann (@7)`, `#3 new name`, or the bare sign where no name is known.
    pub(crate) fn of(&self, chat: Chat) -> String {
        match (chat, self.names.get(&chat)) {
            (Chat::Dialog(id), Some(name)) => format!("{name} (@{id})"),
            (Chat::Dialog(id), None) => format!("@{id}"),
            (Chat::Group(id), Some(name)) => format!("#{id} {name}"),
            (Chat::Group(id), None) => format!("#{id}"),
        }
    }

    /// Finds whom a word names: `@7`, `#3`, a bare number (a group where only a group can be meant, else a
    /// user), or a name in any case.
    pub(crate) fn find(&self, word: &str, wanted: Wanted) -> Result<Chat, Unnamed> {
        let fits = |chat: &Chat| match wanted {
            Wanted::User => matches!(chat, Chat::Dialog(_)),
            Wanted::Group => matches!(chat, Chat::Group(_)),
            Wanted::Any => true,
        };
        if let Some(chat) = by_number(word, wanted) {
            return Some(chat).filter(fits).ok_or(Unnamed::Unknown);
        }
        let word = word.to_lowercase();
        let named = self.names.iter().filter(|(_, name)| name.to_lowercase() == word);
        let found: Vec<Chat> = named.map(|(chat, _)| *chat).filter(fits).collect();
        match found[..] {
            [] => Err(Unnamed::Unknown),
            [only] => Ok(only),
            _ => Err(Unnamed::Several(found)),
        }
    }
}

fn by_number(word: &str, wanted: Wanted) -> Option<Chat> {
    if let Some(id) = word.strip_prefix('@') {
        return id.parse().ok().map(Chat::Dialog);
    }
    if let Some(id) = word.strip_prefix('#') {
        return id.parse().ok().map(Chat::Group);
    }
    let id = word.parse().ok()?;
    Some(if wanted == Wanted::Group { Chat::Group(id) } else { Chat::Dialog(id) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::new(1, Some("Ann"));
        names.learn(Chat::Dialog(2), Some("Bob"));
        names.learn(Chat::Dialog(3), Some("bob"));
        names.learn(Chat::Group(3), Some("new name"));
        names.learn(Chat::Group(4), Some("Ann"));
        names.learn(Chat::Dialog(5), None);
        names
    }

    #[test]
    fn words_name_users_and_groups() {
        let table = [
            ("@7", Wanted::Any, Ok(Chat::Dialog(7))),
            ("#7", Wanted::Any, Ok(Chat::Group(7))),
            ("7", Wanted::Any, Ok(Chat::Dialog(7))),
            ("7", Wanted::Group, Ok(Chat::Group(7))),
            ("@7", Wanted::Group, Err(Unnamed::Unknown)),
            ("NEW name", Wanted::Any, Ok(Chat::Group(3))),
            ("ann", Wanted::User, Ok(Chat::Dialog(1))),
            ("ann", Wanted::Any, Err(Unnamed::Several(vec![Chat::Dialog(1), Chat::Group(4)]))),
            ("bob", Wanted::User, Err(Unnamed::Several(vec![Chat::Dialog(2), Chat::Dialog(3)]))),
            ("eve", Wanted::Any, Err(Unnamed::Unknown)),
        ];
        for (word, wanted, found) in table {
            assert_eq!(names().find(word, wanted), found, "{word} {wanted:?}");
        }
    }

    #[test]
    fn names_are_shown_with_their_sign() {
        let shown = [Chat::Dialog(2), Chat::Dialog(5), Chat::Group(3), Chat::Group(9)];
        let shown = shown.map(|chat| names().of(chat));
        assert_eq!(shown, ["Bob (@2)", "@5", "#3 new name", "#9"]);
    }
}
