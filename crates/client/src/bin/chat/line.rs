//! What an entry says, and where. Pure.

use messenger_client::device::Letter;
use messenger_client::session::Chat;
use messenger_client::wire::v2::{Entry, EntryKind, Stored, To};

use crate::names::Names;
use crate::show::plain;

/// Something that was said or done in a chat.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) chat: Chat,
    pub(crate) sender: Option<i64>,
    pub(crate) sender_name: Option<&'a str>,
    /// ISO 8601 UTC.
    pub(crate) at: Option<&'a str>,
    pub(crate) says: Says<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Says<'a> {
    /// Words of the sender, as they came.
    Message(&'a str),
    /// What became of the chat, in words of this program.
    Notice(String),
}

impl<'a> Line<'a> {
    pub(crate) fn of(entry: &'a Entry, names: &Names) -> Self {
        let says = match entry.kind {
            EntryKind::Message if entry.deleted_at.is_some() => {
                Says::Notice("a message that was removed".to_owned())
            }
            EntryKind::Message => Says::Message(entry.content.as_deref().unwrap_or_default()),
            _ => Says::Notice(notice(entry, names)),
        };
        Self {
            chat: chat_of(entry, names),
            sender: entry.sender_id,
            sender_name: entry.sender_name.as_deref(),
            at: entry.created_at.as_deref(),
            says,
        }
    }

    /// An own message that was stored.
    pub(crate) fn sent(letter: &'a Letter, stored: &'a Stored, me: i64) -> Self {
        let chat = match letter.to {
            To::Conversation(id) => Chat::Group(id),
            To::User(id) => Chat::Dialog(id),
        };
        let says = Says::Message(&letter.content);
        Self { chat, sender: Some(me), sender_name: None, at: Some(&stored.created_at), says }
    }
}

/// Keeps the names that an entry tells.
pub(crate) fn learn(entry: &Entry, names: &mut Names) {
    if let Some(sender) = entry.sender_id {
        names.learn(Chat::Dialog(sender), entry.sender_name.as_deref());
    }
    if let Some(user) = entry.user_id {
        names.learn(Chat::Dialog(user), entry.user_name.as_deref());
    }
    if let (EntryKind::Message, Chat::Dialog(peer)) = (entry.kind, chat_of(entry, names)) {
        names.learn_dialog(entry.conversation_id, peer);
    }
    if matches!(entry.kind, EntryKind::GroupCreated | EntryKind::GroupRenamed) {
        names.learn(Chat::Group(entry.conversation_id), entry.name.as_deref());
    }
}

/// A dialog is named by the other user, whoever wrote.
pub(crate) fn chat_of(entry: &Entry, names: &Names) -> Chat {
    match (entry.sender_id, entry.receiver_id) {
        (Some(sender), Some(receiver)) if sender == names.me() => Chat::Dialog(receiver),
        (Some(sender), Some(_)) => Chat::Dialog(sender),
        _ => names.chat(entry.conversation_id),
    }
}

/// Whether the user is no member of the group any more.
pub(crate) fn is_own_end(entry: &Entry, me: i64) -> bool {
    matches!(entry.kind, EntryKind::MemberRemoved | EntryKind::MemberLeft) && entry.user_id == Some(me)
}

fn notice(entry: &Entry, names: &Names) -> String {
    let sender = person(names, entry.sender_id, entry.sender_name.as_deref());
    let user = person(names, entry.user_id, entry.user_name.as_deref());
    let name = entry.name.as_deref().map(plain).unwrap_or_default();
    match entry.kind {
        EntryKind::GroupCreated => format!("{sender} made the group {name}"),
        EntryKind::GroupRenamed => format!("{sender} renamed the group to {name}"),
        EntryKind::MemberAdded => format!("{sender} added {user}"),
        EntryKind::MemberRemoved => format!("{sender} removed {user}"),
        EntryKind::MemberLeft => format!("{user} left"),
        EntryKind::RoleChanged => format!("{sender} made {user} {}", role(entry)),
        EntryKind::Message | EntryKind::Unsupported => "something that only a newer chat can show".to_owned(),
    }
}

fn role(entry: &Entry) -> &'static str {
    match entry.role.as_deref() {
        Some("owner") => "the owner",
        Some("admin") => "an admin",
        _ => "a member",
    }
}

/// `you`, `Bob (@2)`, `@2`, or the name alone.
pub(crate) fn person(names: &Names, id: Option<i64>, name: Option<&str>) -> String {
    match id {
        Some(id) if id == names.me() => "you".to_owned(),
        Some(id) => names.of(Chat::Dialog(id)),
        None => name.map_or_else(|| "someone".to_owned(), plain),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(kind: EntryKind, conversation_id: i64, sender: i64) -> Entry {
        Entry {
            conversation_id,
            seq: 5,
            kind,
            id: Some(9),
            sender_id: Some(sender),
            sender_name: None,
            created_at: Some("2023-07-28T13:20:09.896Z".to_owned()),
            client_message_id: None,
            content: None,
            deleted_at: None,
            reply_to: None,
            receiver_id: None,
            name: None,
            user_id: None,
            user_name: None,
            role: None,
        }
    }

    #[test]
    fn changes_of_a_group_are_sentences() {
        let mut names = Names::new(1, Some("Ann"));
        names.learn(Chat::Dialog(2), Some("Bob"));
        let table = [
            (EntryKind::GroupCreated, 1, "you made the group club"),
            (EntryKind::GroupRenamed, 2, "Bob (@2) renamed the group to club"),
            (EntryKind::MemberAdded, 1, "you added @3"),
            (EntryKind::MemberRemoved, 2, "Bob (@2) removed @3"),
            (EntryKind::MemberLeft, 3, "@3 left"),
            (EntryKind::RoleChanged, 1, "you made @3 an admin"),
            (EntryKind::Unsupported, 2, "something that only a newer chat can show"),
        ];
        for (kind, sender, sentence) in table {
            let name = Some("club".to_owned());
            let role = Some("admin".to_owned());
            let entry = Entry { name, user_id: Some(3), role, ..entry(kind, 7, sender) };
            assert_eq!(Line::of(&entry, &names).says, Says::Notice(sentence.to_owned()));
        }
    }

    #[test]
    fn a_hostile_group_name_does_not_steer_the_terminal() {
        let entry = Entry { name: Some("\x1b[2J".to_owned()), ..entry(EntryKind::GroupRenamed, 7, 2) };
        let Says::Notice(notice) = Line::of(&entry, &Names::new(1, None)).says else { panic!("a message") };
        assert_eq!(notice, "@2 renamed the group to \u{fffd}[2J");
    }

    #[test]
    fn a_dialog_is_named_by_the_other_and_its_conversation_is_kept() {
        let mut names = Names::new(1, None);
        for (sender, receiver, peer) in [(1, 2, 2), (3, 1, 3), (1, 1, 1)] {
            let conversation = 100 + peer;
            let said =
                Entry { receiver_id: Some(receiver), ..entry(EntryKind::Message, conversation, sender) };
            learn(&said, &mut names);
            assert_eq!(chat_of(&said, &names), Chat::Dialog(peer));
            assert_eq!(names.conversation(Chat::Dialog(peer)), Some(conversation));
            assert_eq!(chat_of(&entry(EntryKind::Unsupported, conversation, 9), &names), Chat::Dialog(peer));
        }
        assert_eq!(chat_of(&entry(EntryKind::Message, 7, 2), &names), Chat::Group(7));
    }

    #[test]
    fn only_the_own_leave_is_the_own_end() {
        let leaves = |kind, user| is_own_end(&Entry { user_id: Some(user), ..entry(kind, 7, 2) }, 1);
        assert!(leaves(EntryKind::MemberLeft, 1) && leaves(EntryKind::MemberRemoved, 1));
        assert!(!leaves(EntryKind::MemberLeft, 2) && !leaves(EntryKind::MemberAdded, 1));
    }
}
