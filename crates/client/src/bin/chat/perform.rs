//! What each command does.

use anyhow::{Error, Result, anyhow, bail};
use messenger_client::device::Device;
use messenger_client::session::Chat;
use messenger_client::wire::v2::{
    AddMembers, BlockUser, Conversation, CreateGroup, Entries, GetEntries, LeaveConversation, ListBlocked,
    ListConversations, RemoveMember, RenameGroup, SetRole, To, UnblockUser,
};

use crate::command::{Command, HELP};
use crate::line::{Line, learn};
use crate::names::{Unnamed, Wanted};
use crate::show::Paint;
use crate::view::{Open, View};

/// Lines of `/chats`, `/history`, `/older` and of a chat that is opened.
const PAGE: u32 = 20;
/// Chats asked for at once when one is looked for.
const LOOK_UP: u32 = 100;
/// Times that is done; a dialog behind all of them is opened without its history.
const LOOK_UPS: u32 = 20;

impl View {
    /// Performs a command; the lines to show.
    pub(crate) async fn perform(
        &mut self,
        device: &Device,
        paint: Paint,
        command: Command,
    ) -> Result<Vec<String>> {
        match command {
            Command::Help => Ok(HELP.lines().map(str::to_owned).collect()),
            Command::Chats { page } => self.chats(device, paint, page).await,
            Command::Open { whom } => {
                let chat = self.find(&whom, Wanted::Any).await?;
                self.open(device, paint, chat).await
            }
            Command::Users { search } => self.users(paint, search.as_deref()).await,
            Command::NewGroup { name } => {
                let created = device.request(&CreateGroup { name: &name, client_group_id: None }).await?;
                let chat = Chat::Group(created.conversation_id);
                self.names.learn(chat, Some(&name));
                self.open(device, paint, chat).await
            }
            Command::Add { group, user } => self.add(device, paint, group.as_deref(), &user).await,
            Command::Remove { group, user } => {
                let conversation_id = self.group(group.as_deref()).await?;
                let user_id = self.user(&user).await?;
                let seq = device.request(&RemoveMember { conversation_id, user_id }).await?.seq;
                let user = self.names.of(Chat::Dialog(user_id));
                Ok(self.done(paint, conversation_id, seq, &format!("removed {user} from")))
            }
            Command::Leave { group } => {
                let conversation_id = self.group(group.as_deref()).await?;
                let seq = device.request(&LeaveConversation { conversation_id }).await?.seq;
                self.close(Chat::Group(conversation_id));
                Ok(self.done(paint, conversation_id, seq, "left"))
            }
            Command::Rename { name } => {
                let conversation_id = self.group(None).await?;
                let seq = device.request(&RenameGroup { conversation_id, name: &name }).await?.seq;
                self.names.learn(Chat::Group(conversation_id), Some(&name));
                Ok(self.done(paint, conversation_id, seq, "the group's name is now"))
            }
            Command::Admin { group, user } => {
                let conversation_id = self.group(group.as_deref()).await?;
                let user_id = self.user(&user).await?;
                let seq = device.request(&SetRole { conversation_id, user_id, role: "admin" }).await?.seq;
                let user = self.names.of(Chat::Dialog(user_id));
                Ok(self.done(paint, conversation_id, seq, &format!("made {user} an admin of")))
            }
            Command::Block { user } => {
                let user_id = self.user(&user).await?;
                device.request(&BlockUser { user_id }).await?;
                Ok(vec![paint.status(&format!("blocked {}", self.names.of(Chat::Dialog(user_id))))])
            }
            Command::Unblock { user } => {
                let user_id = self.user(&user).await?;
                device.request(&UnblockUser { user_id }).await?;
                Ok(vec![paint.status(&format!("unblocked {}", self.names.of(Chat::Dialog(user_id))))])
            }
            Command::Blocked => self.blocked(device, paint).await,
            Command::History { page } => self.history(device, paint, page).await,
            Command::Older => self.older(device, paint).await,
            Command::Say { text } => {
                let to = match self.open_chat().ok_or_else(no_chat)? {
                    Chat::Dialog(user) => To::User(user),
                    Chat::Group(conversation) => To::Conversation(conversation),
                };
                device.send(to, text)?;
                Ok(Vec::new())
            }
            Command::Quit | Command::Nothing => Ok(Vec::new()),
        }
    }

    async fn open(&mut self, device: &Device, paint: Paint, chat: Chat) -> Result<Vec<String>> {
        if let Chat::Dialog(id) = chat {
            let user = self.people.user(id).await?;
            self.names.learn(chat, user.first_name.as_deref());
        }
        let page = match self.conversation(device, chat).await? {
            Some(conversation) => Some(newest(device, conversation, None).await?),
            None => None,
        };
        self.open = Some(Open::new(chat));
        let mut lines = vec![paint.status(&self.names.of(chat))];
        match page {
            Some(page) => {
                self.shown.page(page.conversation_id, page.last_seq);
                self.read(page.conversation_id, page.last_seq);
                lines.extend(self.page(paint, &page, "no messages yet"));
            }
            None => lines.push(paint.status("no messages yet")),
        }
        Ok(lines)
    }

    async fn history(&mut self, device: &Device, paint: Paint, page: u32) -> Result<Vec<String>> {
        let chat = self.open_chat().ok_or_else(no_chat)?;
        let Some(conversation) = self.conversation(device, chat).await? else {
            return Ok(vec![paint.status("no messages yet")]);
        };
        let mut entries = newest(device, conversation, None).await?;
        if page > 1 {
            // Places have no holes, so a page begins where it can be counted to.
            let skipped = u64::from(page - 1) * u64::from(PAGE);
            let before = (entries.last_seq + 1).saturating_sub(skipped);
            if before <= 1 {
                return Ok(vec![paint.status("no more messages")]);
            }
            entries = newest(device, conversation, Some(before)).await?;
        }
        Ok(self.page(paint, &entries, "no more messages"))
    }

    async fn older(&mut self, device: &Device, paint: Paint) -> Result<Vec<String>> {
        let Open { chat, oldest, .. } = self.open.ok_or_else(no_chat)?;
        match self.conversation(device, chat).await? {
            Some(conversation) if oldest > 1 => {
                let entries = newest(device, conversation, Some(oldest)).await?;
                Ok(self.page(paint, &entries, "no more messages"))
            }
            _ => Ok(vec![paint.status("no more messages")]),
        }
    }

    /// Entries of the open chat as lines.
    fn page(&mut self, paint: Paint, page: &Entries, none: &str) -> Vec<String> {
        let Some(first) = page.entries.first() else { return vec![paint.status(none)] };
        if let Some(open) = &mut self.open {
            open.oldest = first.seq;
        }
        page.entries.iter().for_each(|entry| learn(entry, &mut self.names));
        let open = self.open_chat();
        let line = |entry| paint.line(&self.names, open, &Line::of(entry, &self.names));
        page.entries.iter().map(line).collect()
    }

    pub(crate) async fn chats(&mut self, device: &Device, paint: Paint, page: u32) -> Result<Vec<String>> {
        let chats = self.page_of_chats(device, page).await?;
        if chats.is_empty() {
            return Ok(vec![paint.status("no chats here; /users shows whom you can write to")]);
        }
        Ok(chats.iter().map(|row| paint.chat(&self.names, row)).collect())
    }

    /// A page of the user's chats, from 1; their names are kept.
    pub(crate) async fn page_of_chats(&mut self, device: &Device, page: u32) -> Result<Vec<Conversation>> {
        let mut cursor = None;
        for _ in 1..page {
            let before = device.request(&ListConversations { limit: PAGE, cursor }).await?;
            cursor = before.cursor;
            if cursor.is_none() {
                return Ok(Vec::new());
            }
        }
        let chats = device.request(&ListConversations { limit: PAGE, cursor }).await?.conversations;
        chats.iter().for_each(|row| self.learn_chat(row));
        Ok(chats)
    }

    /// The conversation of a chat, looked for among all of the user's; `None` when nobody has written yet.
    async fn conversation(&mut self, device: &Device, chat: Chat) -> Result<Option<i64>> {
        let mut cursor = None;
        for _ in 0..LOOK_UPS {
            let known = self.names.conversation(chat);
            if known.is_some() {
                return Ok(known);
            }
            let chats = device.request(&ListConversations { limit: LOOK_UP, cursor }).await?;
            chats.conversations.iter().for_each(|row| self.learn_chat(row));
            cursor = chats.cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(self.names.conversation(chat))
    }

    fn learn_chat(&mut self, row: &Conversation) {
        match row.peer_id {
            Some(peer) => {
                self.names.learn_dialog(row.conversation_id, peer);
                self.names.learn(Chat::Dialog(peer), row.peer_name.as_deref());
            }
            None => self.names.learn(Chat::Group(row.conversation_id), row.name.as_deref()),
        }
    }

    async fn add(
        &mut self,
        device: &Device,
        paint: Paint,
        group: Option<&str>,
        user: &str,
    ) -> Result<Vec<String>> {
        let conversation_id = self.group(group).await?;
        let user_id = self.user(user).await?;
        let added = device.request(&AddMembers { conversation_id, user_ids: &[user_id] }).await?;
        let Some(member) = added.members.into_iter().next() else {
            bail!("the server says nothing of {user}")
        };
        match (member.seq, member.message) {
            (Some(seq), _) => {
                let user = self.names.of(Chat::Dialog(user_id));
                Ok(self.done(paint, conversation_id, seq, &format!("added {user} to")))
            }
            (None, problem) => bail!(problem.unwrap_or_else(|| format!("{user} was not added"))),
        }
    }

    /// Tells that a group was changed, unless the entry has told it already.
    fn done(&mut self, paint: Paint, group: i64, seq: u64, what: &str) -> Vec<String> {
        let text = format!("{what} {}", self.names.of(Chat::Group(group)));
        if self.shown.stored(group, seq) { vec![paint.status(&text)] } else { Vec::new() }
    }

    async fn blocked(&mut self, device: &Device, paint: Paint) -> Result<Vec<String>> {
        let (mut lines, mut cursor) = (Vec::new(), None);
        loop {
            let page = device.request(&ListBlocked { limit: LOOK_UP, cursor }).await?;
            for user in &page.users {
                self.names.learn(Chat::Dialog(user.user_id), user.user_name.as_deref());
                lines.push(paint.status(&self.names.of(Chat::Dialog(user.user_id))));
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        if lines.is_empty() {
            lines.push(paint.status("you have blocked nobody"));
        }
        Ok(lines)
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

    /// The group that a word names, or else the open one.
    async fn group(&mut self, word: Option<&str>) -> Result<i64> {
        let chat = match word {
            Some(word) => self.find(word, Wanted::Group).await?,
            None => self.open_chat().ok_or_else(no_chat)?,
        };
        match chat {
            Chat::Group(id) => Ok(id),
            Chat::Dialog(_) => bail!("{} is not a group", self.names.of(chat)),
        }
    }

    async fn user(&mut self, word: &str) -> Result<i64> {
        match self.find(word, Wanted::User).await? {
            Chat::Dialog(id) => Ok(id),
            Chat::Group(_) => bail!("{word} is not a user"),
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

/// The newest entries, or those before a place.
async fn newest(device: &Device, conversation_id: i64, before: Option<u64>) -> Result<Entries> {
    Ok(device.request(&GetEntries { conversation_id, after: None, before, limit: PAGE }).await?)
}

fn no_chat() -> Error {
    anyhow!("No chat is open: /open one first. /help lists the commands.")
}
