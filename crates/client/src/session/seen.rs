//! What was shown of the open chats, so that a page read again shows only what is new. Pure.
//!
//! Pages of the documented contract carry no message ids: a line is known by author, time and text. Equal
//! lines are counted, so that the same word said twice within a millisecond is still shown twice.

use std::collections::VecDeque;

use super::{Chat, ChatLine};

/// Lines remembered of each chat: several pages, so that one page always meets what was shown.
const REMEMBERED: usize = 400;

/// The chats that are re-read after a reconnect.
#[derive(Debug)]
pub(super) struct OpenChats {
    limit: usize,
    /// In the order they were opened.
    chats: VecDeque<(Chat, Seen)>,
    /// What was missed is not read yet: a line noted now may have unknown ones before it.
    catching_up: bool,
}

/// What a page brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    /// Lines not shown yet, oldest first.
    pub(super) lines: Vec<ChatLine>,
    /// The page is full and meets nothing that was shown: there may be more before it.
    pub(super) gap: bool,
}

#[derive(Debug, Default)]
struct Seen(VecDeque<Mark>);

#[derive(Debug, Clone)]
struct Mark {
    sender_id: Option<i64>,
    created_at: Option<String>,
    text: String,
    message_id: Option<i64>,
    /// Nothing before it is unknown.
    sure: bool,
}

impl OpenChats {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, chats: VecDeque::new(), catching_up: false }
    }

    /// There is a new socket, and pages will be read again.
    pub(super) fn catch_up(&mut self) {
        self.catching_up = true;
    }

    /// All chats were read again.
    pub(super) fn caught_up(&mut self) {
        self.catching_up = false;
        self.chats.iter_mut().flat_map(|(_, seen)| &mut seen.0).for_each(|mark| mark.sure = true);
    }

    /// Opens a chat of which `lines` were shown, oldest first.
    pub(super) fn open(&mut self, chat: Chat, lines: &[ChatLine]) {
        self.close(chat);
        if self.chats.len() >= self.limit {
            self.chats.pop_front();
        }
        let mut seen = Seen::default();
        lines.iter().for_each(|line| seen.remember(line, true));
        self.chats.push_back((chat, seen));
    }

    pub(super) fn close(&mut self, chat: Chat) {
        self.chats.retain(|(open, _)| *open != chat);
    }

    pub(super) fn list(&self) -> Vec<Chat> {
        self.chats.iter().map(|(chat, _)| *chat).collect()
    }

    /// Notes a line that came by itself; whether it is to be shown.
    pub(super) fn arrived(&mut self, line: &ChatLine) -> bool {
        let sure = !self.catching_up;
        line.chat.and_then(|chat| self.seen(chat)).is_none_or(|seen| seen.arrived(line, sure))
    }

    /// Notes an own message that was acknowledged. What others said before it may still be on its way.
    pub(super) fn sent(&mut self, line: &ChatLine) {
        if let Some(seen) = line.chat.and_then(|chat| self.seen(chat)) {
            seen.arrived(line, false);
        }
    }

    /// Notes a page of `chat`, newest line first, of at most `limit` lines.
    pub(super) fn read_again(&mut self, chat: Chat, page: Vec<ChatLine>, limit: u32) -> News {
        let full = u32::try_from(page.len()).is_ok_and(|lines| lines >= limit);
        self.seen(chat).map_or(News { lines: Vec::new(), gap: false }, |seen| seen.read_again(page, full))
    }

    fn seen(&mut self, chat: Chat) -> Option<&mut Seen> {
        self.chats.iter_mut().find(|(open, _)| *open == chat).map(|(_, seen)| seen)
    }
}

impl Seen {
    fn remember(&mut self, line: &ChatLine, sure: bool) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Mark {
            sender_id: line.sender_id,
            created_at: line.created_at.clone(),
            text: line.text.clone(),
            message_id: line.message_id,
            sure,
        });
    }

    fn arrived(&mut self, line: &ChatLine, sure: bool) -> bool {
        if line.message_id.is_some() && self.0.iter().any(|mark| mark.message_id == line.message_id) {
            return false;
        }
        // A line from a page has no id: the first push like it is the same message.
        if let Some(mark) = self.0.iter_mut().find(|mark| mark.message_id.is_none() && mark.is(line)) {
            mark.message_id = line.message_id;
            return false;
        }
        self.remember(line, sure);
        true
    }

    fn read_again(&mut self, page: Vec<ChatLine>, full: bool) -> News {
        let mut unmet: Vec<&Mark> = self.0.iter().collect();
        let mut meet = |line: &ChatLine| {
            let met = unmet.iter().rposition(|mark| mark.is(line));
            met.map(|index| unmet.remove(index).sure)
        };
        let met: Vec<Option<bool>> = page.iter().map(&mut meet).collect();
        // What is older than the oldest line that was shown was not missed, only never asked for. An own message is
        // no such line: it is acknowledged apart from what others say.
        let oldest = met.iter().rposition(|met| *met == Some(true));
        let gap = full && oldest.is_none();
        let since = oldest.unwrap_or(page.len());
        let news =
            page.into_iter().zip(met).take(since).filter(|(_, met)| met.is_none()).map(|(line, _)| line);
        let mut lines: Vec<ChatLine> = news.collect();
        lines.reverse();
        lines.iter().for_each(|line| self.remember(line, false));
        News { lines, gap }
    }
}

impl Mark {
    fn is(&self, line: &ChatLine) -> bool {
        self.sender_id == line.sender_id && self.created_at == line.created_at && self.text == line.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::LineKind;

    const CHAT: Chat = Chat::Dialog(2);

    fn row(at: u32, text: &str) -> ChatLine {
        ChatLine {
            chat: Some(CHAT),
            kind: LineKind::Message,
            sender_id: Some(2),
            sender_name: None,
            text: text.to_owned(),
            created_at: Some(format!("{at:04}")),
            message_id: None,
        }
    }

    fn push(at: u32, text: &str, id: i64) -> ChatLine {
        ChatLine { message_id: Some(id), sender_name: Some("Ann".into()), ..row(at, text) }
    }

    fn opened(shown: &[ChatLine]) -> OpenChats {
        let mut chats = OpenChats::new(2);
        chats.open(CHAT, shown);
        chats
    }

    #[test]
    fn a_page_shows_only_what_is_newer_and_new() {
        let mut chats = opened(&[row(2, "b")]);
        assert!(chats.arrived(&push(3, "c", 3)));
        let page = || vec![row(5, "e"), row(4, "d"), row(3, "c"), row(2, "b"), row(1, "a")];
        let news = chats.read_again(CHAT, page(), 5);
        assert_eq!(news, News { lines: vec![row(4, "d"), row(5, "e")], gap: false });
        assert_eq!(chats.read_again(CHAT, page(), 5).lines, []);
    }

    #[test]
    fn a_push_after_the_page_that_showed_it_is_not_shown() {
        let mut chats = opened(&[row(1, "a")]);
        chats.read_again(CHAT, vec![row(2, "b"), row(1, "a")], 5);
        assert!(!chats.arrived(&push(2, "b", 7)));
        assert!(!chats.arrived(&push(2, "b", 7)), "nor a second time");
        assert!(chats.arrived(&push(2, "b", 8)), "but another message with the same words is");
    }

    #[test]
    fn equal_lines_are_counted() {
        let mut chats = opened(&[row(1, "a"), row(2, "x")]);
        let news = chats.read_again(CHAT, vec![row(2, "x"), row(2, "x"), row(1, "a")], 5);
        assert_eq!(news.lines, [row(2, "x")]);
    }

    #[test]
    fn a_full_page_of_strangers_is_a_gap() {
        let page = || vec![row(9, "i"), row(8, "h")];
        let news = opened(&[row(1, "a")]).read_again(CHAT, page(), 2);
        assert_eq!(news, News { lines: vec![row(8, "h"), row(9, "i")], gap: true });
        assert!(!opened(&[]).read_again(CHAT, page(), 3).gap, "a page that is not full is all there is");
    }

    #[test]
    fn an_own_message_hides_no_gap() {
        let mut chats = opened(&[row(1, "a")]);
        chats.sent(&push(6, "mine", 6));
        chats.catch_up();
        chats.sent(&push(9, "in doubt", 9));
        let page = || vec![row(9, "in doubt"), row(8, "h"), row(7, "g"), row(6, "mine")];
        let news = chats.read_again(CHAT, page(), 4);
        assert_eq!(news, News { lines: vec![row(7, "g"), row(8, "h")], gap: true });
        assert!(chats.read_again(CHAT, page(), 4).gap, "until all that was missed is read");
        chats.caught_up();
        assert_eq!(chats.read_again(CHAT, page(), 4), News { lines: vec![], gap: false });
    }

    #[test]
    fn chats_that_are_not_open_are_left_alone() {
        let mut chats = OpenChats::new(1);
        assert!(chats.arrived(&push(1, "a", 1)));
        chats.open(CHAT, &[]);
        chats.open(Chat::Group(1), &[]);
        assert_eq!(chats.list(), [Chat::Group(1)], "the one opened first gives way");
        assert_eq!(chats.read_again(CHAT, vec![row(1, "a")], 5).lines, []);
    }
}
