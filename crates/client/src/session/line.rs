//! What was said in a chat, whether it was pushed or read from the history.

use crate::socket::{RequestError, Sender};
use crate::wire::{Delivery, LatestMessageDialog, LatestMessageGroup, Push};

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chat {
    /// With one user, by the user's id.
    Dialog(i64),
    /// In a group, by its id.
    Group(i64),
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatLine {
    /// Where; `None` when the server did not tell.
    pub chat: Option<Chat>,
    /// What it is.
    pub kind: LineKind,
    /// Who said it, was the one to add, or left.
    pub sender_id: Option<i64>,
    /// First name of that user.
    pub sender_name: Option<String>,
    /// The message, or a sentence about the member.
    pub text: String,
    /// ISO 8601 UTC with milliseconds.
    pub created_at: Option<String>,
    /// Id of the message, where the server told it: pages do not.
    pub message_id: Option<i64>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// A message.
    Message,
    /// A user was added to the group.
    MemberAdded,
    /// A user left the group.
    MemberLeft,
}

impl ChatLine {
    /// The line of a push as user `me` sees it.
    pub(super) fn of(push: Push, me: i64) -> Result<Self, String> {
        let (kind, delivery) = match push {
            Push::PrivateMessage(delivery) => (LineKind::Message, delivery),
            Push::GroupMessage(delivery) => (LineKind::Message, delivery),
            Push::MemberAdded(delivery) => (LineKind::MemberAdded, delivery),
            Push::MemberLeft(delivery) => (LineKind::MemberLeft, delivery),
            Push::Event(event) => return Err(format!("{event:?}")),
            Push::Unknown(text) => return Err(text),
        };
        Ok(Self {
            chat: chat_of(&delivery, me),
            kind,
            sender_id: delivery.sender_id,
            sender_name: delivery.sender_name,
            text: delivery.text,
            created_at: delivery.created_at,
            message_id: delivery.message_id,
        })
    }

    pub(super) fn own(chat: Chat, me: i64, text: String, created_at: String, message_id: i64) -> Self {
        Self {
            chat: Some(chat),
            kind: LineKind::Message,
            sender_id: Some(me),
            sender_name: None,
            text,
            created_at: Some(created_at),
            message_id: Some(message_id),
        }
    }
}

/// A dialog is named by the other user, whichever of the two wrote.
fn chat_of(delivery: &Delivery, me: i64) -> Option<Chat> {
    if let Some(group) = delivery.group_id {
        return Some(Chat::Group(group));
    }
    let sender = delivery.sender_id?;
    if sender == me { delivery.receiver_id.map(Chat::Dialog) } else { Some(Chat::Dialog(sender)) }
}

/// Reads a page of a chat, newest line first.
pub(super) async fn read_page(
    sender: &Sender,
    chat: Chat,
    limit: u32,
    page: u32,
) -> Result<Vec<ChatLine>, RequestError> {
    let line = |sender_id, sender_name, text, created_at| ChatLine {
        chat: Some(chat),
        kind: LineKind::Message,
        sender_id: Some(sender_id),
        sender_name,
        text,
        created_at: Some(created_at),
        message_id: None,
    };
    Ok(match chat {
        Chat::Dialog(receiver_id) => {
            let rows = sender.request(&LatestMessageDialog { receiver_id, limit, page }).await?;
            rows.into_iter().map(|row| line(row.sender_id, None, row.content, row.created_at)).collect()
        }
        Chat::Group(group_id) => {
            let rows = sender.request(&LatestMessageGroup { group_id, limit, page }).await?;
            rows.into_iter()
                .map(|row| line(row.sender_id, row.sender_name, row.content, row.created_at))
                .collect()
        }
    })
}
