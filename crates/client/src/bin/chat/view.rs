//! What the user sees of a session: its events as lines, the chat that is open, the names met.

use anyhow::Result;
use messenger_client::session::{Chat, ChatLine, Event, LineKind, Stopped};

use crate::names::Names;
use crate::people::People;
use crate::terminal::Terminal;

/// What the user sees besides the lines.
pub(crate) struct View {
    pub(crate) people: People,
    pub(crate) names: Names,
    pub(crate) open: Option<Chat>,
    was_online: bool,
}

impl View {
    pub(crate) fn new(people: People, names: Names) -> Self {
        Self { people, names, open: None, was_online: false }
    }

    /// Shows an event; the reason when it is the end.
    pub(crate) fn tell(&mut self, terminal: &mut Terminal, event: Option<Event>) -> Result<Option<String>> {
        let paint = terminal.paint;
        let text = match event {
            Some(Event::Online) if self.was_online => paint.status("back"),
            Some(Event::Online) => {
                self.was_online = true;
                let me = self.names.of(Chat::Dialog(self.names.me()));
                paint.status(&format!("connected as {me}; /help lists the commands"))
            }
            Some(Event::Offline { why, retry_in }) => {
                let seconds = retry_in.as_secs_f64();
                paint.status(&format!("connection lost ({why}); trying again in {seconds:.1} s"))
            }
            Some(Event::Line(line)) => {
                self.learn(&line);
                paint.line(&self.names, self.open, &line)
            }
            Some(Event::Gap(chat)) => {
                paint.status(&format!("more was said in {}; see /history", self.names.of(chat)))
            }
            Some(Event::Sent(letter, sent)) => paint.line(
                &self.names,
                self.open,
                &ChatLine {
                    chat: Some(letter.chat),
                    kind: LineKind::Message,
                    sender_id: Some(self.names.me()),
                    sender_name: None,
                    text: letter.content,
                    created_at: Some(sent.created_at),
                    message_id: Some(sent.message_id),
                },
            ),
            Some(Event::Failed(letter, why)) => {
                paint.problem(&format!("not sent: {why} ({})", letter.content))
            }
            Some(Event::Odd(frame)) => paint.problem(&format!("not understood: {frame}")),
            Some(Event::Stopped(Stopped::Asked)) => return Ok(None),
            Some(Event::Stopped(Stopped::LogIn(why))) => {
                return Ok(Some(format!("the log-in has ended ({why}); start again to log in")));
            }
            Some(Event::Stopped(Stopped::GaveUp(why))) => {
                return Ok(Some(format!("the connection cannot be had: {why}")));
            }
            None => return Ok(Some("the connection has ended".to_owned())),
        };
        terminal.show(text)?;
        Ok(None)
    }

    pub(crate) fn learn(&mut self, line: &ChatLine) {
        if let Some(sender) = line.sender_id {
            self.names.learn(Chat::Dialog(sender), line.sender_name.as_deref());
        }
    }
}
