//! What the user sees of a device: its events as lines, the chat that is open, the names met.

use anyhow::Result;
use messenger_client::device::{Device, Event, Letter};
use messenger_client::session::{Chat, Stopped};
use messenger_client::socket::RequestError;
use messenger_client::wire::v2::{Entry, EntryKind, MarkRead, Stored, Watermark, WatermarkKind};

use crate::line::{Line, chat_of, is_own_end, learn};
use crate::names::Names;
use crate::people::People;
use crate::show::Paint;
use crate::shown::Shown;
use crate::terminal::Terminal;

/// What the user sees besides the lines.
pub(crate) struct View {
    pub(crate) people: People,
    pub(crate) names: Names,
    pub(crate) open: Option<Open>,
    pub(crate) shown: Shown,
    state: State,
    /// The list of chats is to be shown when there is a connection.
    wants_chats: bool,
    /// The user is in a group whose name is not known.
    wants_names: bool,
    /// A place of a conversation up to which everything was read, and the server does not know.
    pub(crate) unmarked: Option<MarkRead>,
}

/// The chat to which typed text goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) chat: Chat,
    /// The oldest place shown; 0 when none is.
    pub(crate) oldest: u64,
    /// The latest own message that was not told to be read.
    unread: Option<u64>,
    /// How far the other user of a dialog has read.
    read_to: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Offline { was_online: bool },
    Online,
}

impl Open {
    pub(crate) fn new(chat: Chat) -> Self {
        Self { chat, oldest: 0, unread: None, read_to: 0 }
    }
}

impl View {
    pub(crate) fn new(people: People, names: Names) -> Self {
        Self {
            people,
            names,
            open: None,
            shown: Shown::default(),
            state: State::New,
            wants_chats: true,
            wants_names: false,
            unmarked: None,
        }
    }

    /// Whether it is known if there is a connection.
    pub(crate) fn has_begun(&self) -> bool {
        self.state != State::New
    }

    pub(crate) fn open_chat(&self) -> Option<Chat> {
        self.open.map(|open| open.chat)
    }

    /// Shows an event; the reason when it is the end.
    pub(crate) fn tell(&mut self, terminal: &mut Terminal, event: Option<Event>) -> Result<Option<String>> {
        let paint = terminal.paint;
        let text = match event {
            Some(Event::Online) => Some(paint.status(&self.online())),
            Some(Event::Offline { why, retry_in }) => {
                let was_online = matches!(self.state, State::Online | State::Offline { was_online: true });
                self.state = State::Offline { was_online };
                let seconds = retry_in.as_secs_f64();
                Some(paint.status(&format!("connection lost ({why}); trying again in {seconds:.1} s")))
            }
            Some(Event::Entry(entry)) => self.entry(paint, &entry),
            Some(Event::Sent(letter, stored)) => self.sent(paint, &letter, &stored),
            Some(Event::Failed(letter, why)) => {
                Some(paint.problem(&format!("not sent: {why} ({})", letter.content)))
            }
            Some(Event::Watermark(mark)) => {
                self.watermark(mark);
                None
            }
            Some(Event::Restored) => {
                self.shown = Shown::default();
                self.wants_chats = true;
                Some(paint.status(
                    "the server was restored from a backup; what it lost is gone, and the rest follows",
                ))
            }
            Some(Event::Reset(conversation)) => {
                self.shown.reset(conversation);
                let chat = self.names.of(self.names.chat(conversation));
                Some(paint.status(&format!("{chat} was restored from a backup; its end may be missing")))
            }
            Some(Event::Odd(frame)) => Some(paint.problem(&format!("not understood: {frame}"))),
            Some(Event::Connected(_) | Event::Pulled(_) | Event::Stopped(Stopped::Asked)) => None,
            Some(Event::Stopped(Stopped::LogIn(why))) => {
                return Ok(Some(format!("the log-in has ended ({why}); start again to log in")));
            }
            Some(Event::Stopped(Stopped::GaveUp(why))) => {
                return Ok(Some(format!("the connection cannot be had: {why}")));
            }
            None => return Ok(Some("the connection has ended".to_owned())),
        };
        let is_read = self.has_read_it().map(|text| paint.status(&text));
        for text in text.into_iter().chain(is_read) {
            terminal.show(text)?;
        }
        Ok(None)
    }

    fn online(&mut self) -> String {
        let was_online = self.state == State::Offline { was_online: true };
        self.state = State::Online;
        if was_online {
            return "back".to_owned();
        }
        let me = self.names.of(Chat::Dialog(self.names.me()));
        format!("connected as {me}; /help lists the commands")
    }

    fn entry(&mut self, paint: Paint, entry: &Entry) -> Option<String> {
        let me = self.names.me();
        learn(entry, &mut self.names);
        let is_new = self.shown.entry(entry.conversation_id, entry.seq);
        let chat = chat_of(entry, &self.names);
        let is_own = entry.sender_id == Some(me);
        if self.open_chat() == Some(chat) {
            match is_own {
                true if is_new => self.wrote(entry.seq),
                true => {}
                false => self.read(entry.conversation_id, entry.seq),
            }
        }
        self.wants_names |= entry.kind == EntryKind::MemberAdded && entry.user_id == Some(me) && !is_own;
        if is_own_end(entry, me) {
            self.close(chat);
        }
        is_new.then(|| paint.line(&self.names, self.open_chat(), &Line::of(entry, &self.names)))
    }

    fn sent(&mut self, paint: Paint, letter: &Letter, stored: &Stored) -> Option<String> {
        let line = Line::sent(letter, stored, self.names.me());
        if let Chat::Dialog(peer) = line.chat {
            self.names.learn_dialog(stored.conversation_id, peer);
        }
        let is_new = self.shown.stored(stored.conversation_id, stored.seq);
        if is_new && self.open_chat() == Some(line.chat) {
            self.wrote(stored.seq);
        }
        is_new.then(|| paint.line(&self.names, self.open_chat(), &line))
    }

    fn watermark(&mut self, mark: Watermark) {
        let is_of_other = mark.kind == WatermarkKind::Read && mark.user_id != self.names.me();
        let chat = self.names.chat(mark.conversation_id);
        if let Some(open) = self.open.as_mut().filter(|open| is_of_other && open.chat == chat) {
            open.read_to = open.read_to.max(mark.seq);
        }
    }

    /// Tells once that the other user of the open dialog has read the latest own message. The watermark may come before
    /// the acknowledgement.
    fn has_read_it(&mut self) -> Option<String> {
        let open = self.open.as_mut().filter(|open| matches!(open.chat, Chat::Dialog(_)))?;
        let read_to = open.read_to;
        open.unread.take_if(|seq| *seq <= read_to)?;
        Some(format!("{} has read it", self.names.of(open.chat)))
    }

    /// An own message of the open chat has this place.
    fn wrote(&mut self, seq: u64) {
        if let Some(open) = &mut self.open {
            open.oldest = if open.oldest == 0 { seq } else { open.oldest };
            open.unread = open.unread.max(Some(seq));
        }
    }

    /// The open chat was shown up to this place.
    pub(crate) fn read(&mut self, conversation_id: i64, seq: u64) {
        if let Some(open) = &mut self.open {
            open.oldest = if open.oldest == 0 { seq } else { open.oldest };
        }
        self.unmarked = Some(MarkRead { conversation_id, seq });
    }

    /// No text goes to this chat any more.
    pub(crate) fn close(&mut self, chat: Chat) {
        self.open = self.open.filter(|open| open.chat != chat);
        self.unmarked =
            self.unmarked.filter(|mark| self.names.conversation(chat) != Some(mark.conversation_id));
    }

    /// Asks the server what the events call for; the lines to show. What cannot be asked waits for a connection.
    pub(crate) async fn follow_up(&mut self, device: &Device, paint: Paint) -> Vec<String> {
        if self.state != State::Online {
            return Vec::new();
        }
        if std::mem::take(&mut self.wants_names) {
            // Without an answer the group goes by its number.
            let _ = self.page_of_chats(device, 1).await;
        }
        self.mark_read(device).await;
        if !std::mem::take(&mut self.wants_chats) {
            return Vec::new();
        }
        match self.chats(device, paint, 1).await {
            Ok(lines) => lines,
            Err(problem) => vec![paint.problem(&problem.to_string())],
        }
    }

    async fn mark_read(&mut self, device: &Device) {
        let Some(mark) = self.unmarked.take() else { return };
        if let Err(RequestError::Closed(_) | RequestError::TimedOut(_)) = device.request(&mark).await {
            self.unmarked = Some(mark);
        }
    }
}
