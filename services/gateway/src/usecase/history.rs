//! Reads the messages of a conversation, newest first.

use super::Messenger;
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::Page;
use crate::domain::reply::{DialogMessage, GroupMessage, Reply};

impl Messenger {
    pub(super) async fn dialog_history(
        &self,
        user: UserId,
        peer: UserId,
        page: Page,
    ) -> Result<Reply, GatewayError> {
        let profiles = self.profiles(&[user, peer]).await?;
        if !profiles.contains_key(&peer) {
            return Err(GatewayError::UnknownUser);
        }
        let Some(dialog) = self.known_dialog(user, peer).await? else {
            return Ok(Reply::DialogHistory(Vec::new()));
        };
        let entries = self.store.dialog_history(dialog, page).await?;
        let message = |entry: crate::domain::entry::Entry| {
            let receiver = entry.recipient.unwrap_or(peer);
            DialogMessage {
                id: entry.id,
                seq: entry.seq,
                sender: entry.sender,
                receiver,
                receiver_name: profiles.get(&receiver).and_then(|profile| profile.author().name),
                content: entry.body,
                created_at: entry.created_at,
            }
        };
        Ok(Reply::DialogHistory(entries.into_iter().map(message).collect()))
    }

    pub(super) async fn group_history(
        &self,
        user: UserId,
        group: ConversationId,
        page: Page,
    ) -> Result<Reply, GatewayError> {
        let entries = self.store.group_history(user, group, page).await??;
        let senders: Vec<_> = entries.iter().map(|entry| entry.sender).collect();
        let profiles = self.profiles(&senders).await?;
        let message = |entry: crate::domain::entry::Entry| GroupMessage {
            id: entry.id,
            seq: entry.seq,
            sender: entry.sender,
            sender_name: profiles.get(&entry.sender).and_then(|profile| profile.author().name),
            group,
            content: entry.body,
            created_at: entry.created_at,
        };
        Ok(Reply::GroupHistory(entries.into_iter().map(message).collect()))
    }
}
