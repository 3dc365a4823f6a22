//! Lines of the screen. Pure. What others wrote is shown without anything that could steer the terminal.

use messenger_client::rest::User;
use messenger_client::session::Chat;
use messenger_client::wire::v2::Conversation;

use crate::line::{Line, Says, person};
use crate::names::Names;

/// Paints where the screen can show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) colours: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// A word of the program itself.
    pub(crate) fn status(self, text: &str) -> String {
        self.with("36", &format!("-- {}", plain(text)))
    }

    /// What went wrong.
    pub(crate) fn problem(self, text: &str) -> String {
        self.with("31", &format!("!! {}", plain(text)))
    }

    /// The prompt: where typed text goes.
    pub(crate) fn prompt(names: &Names, open: Option<Chat>) -> String {
        open.map_or_else(|| "> ".to_owned(), |chat| format!("{}> ", names.of(chat)))
    }

    /// Something that was said or done; where, unless it was said in the open chat.
    pub(crate) fn line(self, names: &Names, open: Option<Chat>, line: &Line<'_>) -> String {
        let time = self.dim(&format!("[{}]", clock(line.at)));
        let text = match &line.says {
            Says::Message(text) => plain(text),
            Says::Notice(notice) => {
                return format!("{time} {}", self.status(&format!("{}: {notice}", names.of(line.chat))));
            }
        };
        let who = self.bold(&person(names, line.sender, line.sender_name));
        match line.chat {
            chat if Some(chat) == open => format!("{time} {who}: {text}"),
            Chat::Group(_) => format!("{time} {} · {who}: {text}", names.of(line.chat)),
            Chat::Dialog(_) if line.sender == Some(names.me()) => {
                format!("{time} {who} to {}: {text}", names.of(line.chat))
            }
            Chat::Dialog(_) => format!("{time} {who}: {text}"),
        }
    }

    /// A chat in the list of chats: what is new in it, and what was said last.
    pub(crate) fn chat(self, names: &Names, row: &Conversation) -> String {
        let time = self.dim(&format!("[{}]", day(&row.last_entry_at)));
        let chat = self.bold(&names.of(names.chat(row.conversation_id)));
        let new = match row.unread {
            0 => String::new(),
            1..100 => format!(" ({} new)", row.unread),
            100.. => " (100 or more new)".to_owned(),
        };
        let Some(last) = &row.last_message else { return format!("{time} {chat}{new}") };
        let who = match last.sender_id {
            Some(id) if id == names.me() => "you".to_owned(),
            id => last.sender_name.as_deref().map_or_else(|| person(names, id, None), plain),
        };
        let is_read = last.sender_id == Some(names.me()) && row.peer_read_seq >= Some(last.seq);
        let read = if is_read { self.dim(" (read)") } else { String::new() };
        format!("{time} {chat}{new}  {who}: {}{read}", plain(last.content.as_deref().unwrap_or_default()))
    }

    /// A user in a list of users.
    pub(crate) fn user(self, user: &User) -> String {
        let names = [user.first_name.as_deref(), user.last_name.as_deref()];
        let name: Vec<String> = names.into_iter().flatten().map(plain).collect();
        format!("{} {}", self.bold(&format!("@{}", user.id)), name.join(" "))
    }
}

/// `2023-07-28T13:20:09.896Z` as `13:20:09`.
fn clock(created_at: Option<&str>) -> String {
    plain(created_at.and_then(|time| time.get(11..19)).unwrap_or("--:--:--"))
}

/// `2023-07-28T13:20:09.896Z` as `2023-07-28 13:20`.
fn day(created_at: &str) -> String {
    plain(&created_at.get(..16).unwrap_or(created_at).replace('T', " "))
}

/// Text without control characters and without marks that turn the direction of what follows.
pub(crate) fn plain(text: &str) -> String {
    let clean = |c: char| match c {
        '\n' => '⏎',
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use messenger_client::wire::v2::{Entry, EntryKind};

    use super::*;
    use crate::line::tests::entry;

    const PAINT: Paint = Paint { colours: false };

    fn line(chat: Chat, sender: i64, text: &str) -> Line<'_> {
        let at = Some("2023-07-28T13:20:09.896Z");
        Line { chat, sender: Some(sender), sender_name: None, at, says: Says::Message(text) }
    }

    #[test]
    fn lines_tell_where_unless_it_is_open() {
        let mut names = Names::new(1, Some("Ann"));
        names.learn(Chat::Dialog(2), Some("Bob"));
        names.learn(Chat::Group(3), Some("club"));
        let open = Some(Chat::Dialog(2));
        let shown = |line| PAINT.line(&names, open, &line);
        assert_eq!(shown(line(Chat::Dialog(2), 2, "Hi")), "[13:20:09] Bob (@2): Hi");
        assert_eq!(shown(line(Chat::Dialog(2), 1, "Hi")), "[13:20:09] you: Hi");
        assert_eq!(shown(line(Chat::Dialog(9), 9, "Hi")), "[13:20:09] @9: Hi");
        assert_eq!(shown(line(Chat::Dialog(9), 1, "Hi")), "[13:20:09] you to @9: Hi");
        assert_eq!(shown(line(Chat::Group(3), 2, "Hi")), "[13:20:09] #3 club · Bob (@2): Hi");
        let left = Line { says: Says::Notice("Bob (@2) left".to_owned()), ..line(Chat::Group(3), 2, "") };
        assert_eq!(shown(left), "[13:20:09] -- #3 club: Bob (@2) left");
    }

    #[test]
    fn chats_tell_what_is_new_and_what_was_read() {
        let mut names = Names::new(1, Some("Ann"));
        names.learn(Chat::Dialog(2), Some("Bob"));
        names.learn_dialog(70, 2);
        let said = |sender, name: &str| Entry {
            content: Some("Hi".to_owned()),
            sender_name: Some(name.to_owned()),
            ..entry(EntryKind::Message, 70, sender)
        };
        let row = |last_message, unread, peer_read_seq| Conversation {
            conversation_id: 70,
            kind: "dialog".to_owned(),
            peer_id: Some(2),
            peer_name: Some("Bob".to_owned()),
            name: None,
            role: None,
            joined_seq: 1,
            last_seq: 5,
            read_seq: 0,
            delivered_seq: 0,
            peer_read_seq,
            peer_delivered_seq: None,
            unread,
            last_message,
            last_entry_at: "2023-07-28T13:20:09.896Z".to_owned(),
        };
        let table = [
            (row(Some(said(2, "Bob")), 3, Some(5)), "Bob (@2) (3 new)  Bob: Hi"),
            (row(Some(said(2, "Bob")), 100, None), "Bob (@2) (100 or more new)  Bob: Hi"),
            (row(Some(said(1, "Ann")), 0, Some(5)), "Bob (@2)  you: Hi (read)"),
            (row(Some(said(1, "Ann")), 0, Some(4)), "Bob (@2)  you: Hi"),
            (row(Some(said(1, "Ann")), 0, None), "Bob (@2)  you: Hi"),
            (row(None, 0, None), "Bob (@2)"),
        ];
        for (row, shown) in table {
            assert_eq!(PAINT.chat(&names, &row), format!("[2023-07-28 13:20] {shown}"));
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\u{9b}c\u{202e}d\ne"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d⏎e");
        assert_eq!(PAINT.problem("x\x07"), "!! x\u{fffd}");
        let mut hostile = line(Chat::Dialog(2), 2, "\x1b]0;x");
        hostile.at = Some("2023-07-28T\x1b[2J:09.896Z");
        assert!(!PAINT.line(&Names::new(1, None), None, &hostile).contains('\x1b'));
    }
}
