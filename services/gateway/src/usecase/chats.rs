//! Lists a user's chats by their latest message, newest first.

use std::collections::HashMap;
use std::sync::Arc;

use super::Messenger;
use crate::directory::Profile;
use crate::domain::error::GatewayError;
use crate::domain::event::Author;
use crate::domain::ids::UserId;
use crate::domain::page::Page;
use crate::domain::reply::{Chat, ChatPlace, Reply};
use crate::store::ChatRow;

impl Messenger {
    pub(super) async fn chats(&self, user: UserId, page: Page) -> Result<Reply, GatewayError> {
        let rows = self.store.chats(user, page).await?;
        let users: Vec<_> =
            rows.iter().flat_map(|row| [Some(row.entry.sender), row.entry.recipient]).flatten().collect();
        let profiles = self.profiles(&users).await?;
        Ok(Reply::Chats(rows.into_iter().map(|row| chat(row, &profiles)).collect()))
    }
}

fn chat(row: ChatRow, profiles: &HashMap<UserId, Arc<Profile>>) -> Chat {
    let author = |user: UserId| profiles.get(&user).map_or_else(Author::default, |profile| profile.author());
    let sender = author(row.entry.sender);
    let subject = row.entry.recipient.map(author).unwrap_or_default();
    let place = match row.group_name {
        Some(name) => ChatPlace::Group { id: row.entry.conversation, name },
        None => {
            let id = row.entry.recipient.unwrap_or(row.entry.sender);
            ChatPlace::User { id, name: author(id).name }
        }
    };
    let notice = sender.notice(row.entry.kind, &subject, &row.entry.body);
    Chat {
        id: row.entry.id,
        sender: row.entry.sender,
        sender_name: sender.name,
        place,
        content: notice.map_or(row.entry.body, Into::into),
        created_at: row.entry.created_at,
        updated_at: row.edited_at.unwrap_or(row.entry.created_at),
        deleted_at: row.entry.deleted_at,
    }
}
