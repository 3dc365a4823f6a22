//! What each command does.

use anyhow::{Error, Result, anyhow, bail};
use messenger_client::session::{Chat, ChatLine, Session};
use messenger_client::wire::{AddUserInGroup, LastMessage, LeaveGroup, ListLastMessage, NewGroup};

use crate::command::{Command, HELP};
use crate::names::{Unnamed, Wanted};
use crate::show::Paint;
use crate::view::View;

/// Lines of `/chats`, `/history` and of a chat that is opened.
const PAGE: u32 = 20;

impl View {
    /// Performs a command; the lines to show.
    pub(crate) async fn perform(
        &mut self,
        session: &Session,
        paint: Paint,
        command: Command,
    ) -> Result<Vec<String>> {
        match command {
            Command::Help => Ok(HELP.lines().map(str::to_owned).collect()),
            Command::Chats { page } => self.chats(session, paint, page).await,
            Command::Open { whom } => {
                let chat = self.find(&whom, Wanted::Any).await?;
                self.open(session, paint, chat).await
            }
            Command::Users { search } => self.users(paint, search.as_deref()).await,
            Command::NewGroup { name } => {
                let group = session.request(&NewGroup { group_name: &name }).await?;
                let chat = Chat::Group(group.group_id);
                self.names.learn(chat, Some(&name));
                self.open(session, paint, chat).await
            }
            Command::Add { group, user } => {
                let group_id = self.group(&group).await?;
                let Chat::Dialog(user_id) = self.find(&user, Wanted::User).await? else {
                    bail!("{user} is not a user")
                };
                session.request(&AddUserInGroup { group_id, user_id }).await?;
                let (group, user) = (Chat::Group(group_id), Chat::Dialog(user_id));
                let added = format!("added {} to {}", self.names.of(user), self.names.of(group));
                Ok(vec![paint.status(&added)])
            }
            Command::Leave { group } => {
                let group_id = self.group(&group).await?;
                session.request(&LeaveGroup { group_id }).await?;
                let chat = Chat::Group(group_id);
                self.open = self.open.filter(|open| *open != chat);
                Ok(vec![paint.status(&format!("left {}", self.names.of(chat)))])
            }
            Command::History { page } => {
                let chat = self.open.ok_or_else(no_chat)?;
                let lines = session.history(chat, PAGE, page).await?;
                Ok(self.page(paint, &lines, "no more messages"))
            }
            Command::Say { text } => {
                session.send(self.open.ok_or_else(no_chat)?, text)?;
                Ok(Vec::new())
            }
            Command::Quit | Command::Nothing => Ok(Vec::new()),
        }
    }

    async fn open(&mut self, session: &Session, paint: Paint, chat: Chat) -> Result<Vec<String>> {
        if let Chat::Dialog(id) = chat {
            let user = self.people.user(id).await?;
            self.names.learn(chat, user.first_name.as_deref());
        }
        let lines = session.open(chat).await?;
        self.open = Some(chat);
        let newest = lines.len().saturating_sub(PAGE as usize);
        let mut shown = vec![paint.status(&self.names.of(chat))];
        shown.extend(self.page(paint, &lines[newest..], "no messages yet"));
        Ok(shown)
    }

    fn page(&mut self, paint: Paint, lines: &[ChatLine], none: &str) -> Vec<String> {
        if lines.is_empty() {
            return vec![paint.status(none)];
        }
        lines.iter().for_each(|line| self.learn(line));
        lines.iter().map(|line| paint.line(&self.names, self.open.or(line.chat), line)).collect()
    }

    async fn chats(&mut self, session: &Session, paint: Paint, page: u32) -> Result<Vec<String>> {
        let chats = session.request(&ListLastMessage { limit: PAGE, page }).await?;
        if chats.is_empty() {
            return Ok(vec![paint.status("no chats here; /users shows whom you can write to")]);
        }
        for last in &chats {
            self.names.learn(Chat::Dialog(last.sender_id), last.sender_name.as_deref());
            if let Some(receiver) = last.receiver_id {
                self.names.learn(Chat::Dialog(receiver), last.receiver_name.as_deref());
            }
            if let Some(group) = last.group_id {
                self.names.learn(Chat::Group(group), last.group_name.as_deref());
            }
        }
        Ok(chats.iter().map(|last| paint.chat(&self.names, chat_of(last, self.names.me()), last)).collect())
    }

    async fn users(&mut self, paint: Paint, search: Option<&str>) -> Result<Vec<String>> {
        let users = self.people.users(search).await?;
        if users.is_empty() {
            return Ok(vec![paint.status("no such users")]);
        }
        for user in &users {
            self.names.learn(Chat::Dialog(user.id), user.first_name.as_deref());
        }
        Ok(users.iter().map(|user| paint.user(user)).collect())
    }

    async fn group(&mut self, word: &str) -> Result<i64> {
        match self.find(word, Wanted::Group).await? {
            Chat::Group(id) => Ok(id),
            Chat::Dialog(_) => bail!("{word} is not a group"),
        }
    }
    /// Finds whom a word names, among the names met and then among all users.
    async fn find(&mut self, word: &str, wanted: Wanted) -> Result<Chat> {
        match self.names.find(word, wanted) {
            Ok(chat) => Ok(chat),
            Err(Unnamed::Several(chats)) => bail!("{word} may be {}", self.listed(&chats)),
            Err(Unnamed::Unknown) if wanted == Wanted::Group => {
                bail!("no group {word} was met; /chats shows yours")
            }
            Err(Unnamed::Unknown) => {
                let users = self.people.users(Some(word)).await?;
                users.iter().for_each(|user| {
                    self.names.learn(Chat::Dialog(user.id), user.first_name.as_deref());
                });
                match users[..] {
                    [] => bail!("nobody is called {word}; /users lists everybody"),
                    [ref only] => Ok(Chat::Dialog(only.id)),
                    _ => {
                        let found: Vec<Chat> = users.iter().map(|user| Chat::Dialog(user.id)).collect();
                        bail!("{word} may be {}", self.listed(&found))
                    }
                }
            }
        }
    }

    fn listed(&self, chats: &[Chat]) -> String {
        chats.iter().map(|chat| self.names.of(*chat)).collect::<Vec<_>>().join(", ")
    }
}

/// A dialog is named by the other user, whoever wrote last.
fn chat_of(last: &LastMessage, me: i64) -> Chat {
    match (last.group_id, last.receiver_id) {
        (Some(group), _) => Chat::Group(group),
        (None, Some(receiver)) if last.sender_id == me => Chat::Dialog(receiver),
        (None, _) => Chat::Dialog(last.sender_id),
    }
}

fn no_chat() -> Error {
    anyhow!("No chat is open: /open one first. /help lists the commands.")
}
