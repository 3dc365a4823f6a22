//! Lines of the screen. Pure. What others wrote is shown without anything that could steer the terminal.

use messenger_client::rest::User;
use messenger_client::session::{Chat, ChatLine, LineKind};
use messenger_client::wire::LastMessage;

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

    /// Something that was said; where, unless it is the open chat.
    pub(crate) fn line(self, names: &Names, open: Option<Chat>, line: &ChatLine) -> String {
        let time = self.dim(&format!("[{}]", clock(line.created_at.as_deref())));
        if line.kind != LineKind::Message {
            let group = line.chat.map_or_else(String::new, |chat| format!("{}: ", names.of(chat)));
            return format!("{time} {}", self.status(&format!("{group}{}", line.text)));
        }
        let who = self.bold(&author(names, line));
        let text = plain(&line.text);
        match line.chat {
            Some(group @ Chat::Group(_)) if line.chat != open => {
                format!("{time} {} · {who}: {text}", names.of(group))
            }
            Some(dialog) if line.chat != open && line.sender_id == Some(names.me()) => {
                format!("{time} {who} to {}: {text}", names.of(dialog))
            }
            _ => format!("{time} {who}: {text}"),
        }
    }

    /// A chat in the list of chats.
    pub(crate) fn chat(self, names: &Names, chat: Chat, last: &LastMessage) -> String {
        let who = last.sender_name.as_deref().map_or_else(|| format!("@{}", last.sender_id), plain);
        let time = self.dim(&format!("[{}]", day(&last.created_at)));
        format!("{time} {}  {who}: {}", self.bold(&names.of(chat)), plain(&last.content))
    }

    /// A user in a list of users.
    pub(crate) fn user(self, user: &User) -> String {
        let names = [user.first_name.as_deref(), user.last_name.as_deref()];
        let name: Vec<String> = names.into_iter().flatten().map(plain).collect();
        format!("{} {}", self.bold(&format!("@{}", user.id)), name.join(" "))
    }
}

fn author(names: &Names, line: &ChatLine) -> String {
    match line.sender_id {
        Some(id) if id == names.me() => "you".to_owned(),
        Some(id) => names.of(Chat::Dialog(id)),
        None => line.sender_name.as_deref().map_or_else(|| "someone".to_owned(), plain),
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
    use super::*;

    const PAINT: Paint = Paint { colours: false };

    fn line(chat: Chat, sender: i64, text: &str) -> ChatLine {
        ChatLine {
            chat: Some(chat),
            kind: LineKind::Message,
            sender_id: Some(sender),
            sender_name: None,
            text: text.to_owned(),
            created_at: Some("2023-07-28T13:20:09.896Z".to_owned()),
            message_id: None,
        }
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
        let left = ChatLine { kind: LineKind::MemberLeft, ..line(Chat::Group(3), 2, "User b has left") };
        assert_eq!(shown(left), "[13:20:09] -- #3 club: User b has left");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\u{9b}c\u{202e}d\ne"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d⏎e");
        assert_eq!(PAINT.problem("x\x07"), "!! x\u{fffd}");
        let mut hostile = line(Chat::Dialog(2), 2, "\x1b]0;x");
        hostile.created_at = Some("2023-07-28T\x1b[2J:09.896Z".to_owned());
        assert!(!PAINT.line(&Names::new(1, None), None, &hostile).contains('\x1b'));
    }
}
