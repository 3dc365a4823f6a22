//! The requests of `messenger.v2` and what each is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Entry;
use crate::wire::{Malformed, Reply, Request};

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum To {
    /// A conversation of the user's.
    Conversation(i64),
    /// The dialog with a user.
    User(i64),
}

/// Stores a message and delivers it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage<'a> {
    /// The conversation, or
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<i64>,
    /// the other user of the dialog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_id: Option<i64>,
    /// Text, 1 to 16,384 bytes of UTF-8.
    pub content: &'a str,
    /// The idempotency key: the same key again is the same message, for ever.
    pub client_message_id: Uuid,
    /// The entry that is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
}

impl<'a> SendMessage<'a> {
    /// A message that answers none.
    #[must_use]
    pub fn new(to: To, content: &'a str, client_message_id: Uuid) -> Self {
        let (conversation_id, receiver_id) = match to {
            To::Conversation(id) => (Some(id), None),
            To::User(id) => (None, Some(id)),
        };
        Self { conversation_id, receiver_id, content, client_message_id, reply_to: None }
    }
}

/// Where a message was stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Its conversation.
    pub conversation_id: i64,
    /// Its number over all conversations.
    pub message_id: i64,
    /// Its place.
    pub seq: u64,
    /// When it was stored first, ISO 8601 UTC with milliseconds.
    pub created_at: String,
    /// An earlier request had stored it.
    pub duplicate: bool,
}

/// Asks what was missed, page by page: again with the cursor of the answer and with other positions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// The `sync` of an earlier `hello`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How far these conversations are held.
    pub positions: BTreeMap<i64, u64>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What was missed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Resumed {
    /// Conversations that were named, and a page of those that have grown.
    pub conversations: Vec<ResumedConversation>,
    /// Named, and none of the user's.
    pub unknown: Vec<i64>,
    /// Where the next page begins.
    pub cursor: Option<String>,
}

/// What was missed of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumedConversation {
    /// The conversation.
    pub conversation_id: i64,
    /// `dialog` or `group`.
    pub kind: String,
    /// Last entry that the user may see.
    pub last_seq: u64,
    /// Up to where the user has read.
    pub read_seq: u64,
    /// Up to where a device has it.
    pub delivered_seq: u64,
    /// Whether the user still is a member.
    pub member: bool,
    /// Whether `entries` are all that was missed.
    pub recovered: bool,
    /// What was missed, when `entries` are not all of it.
    pub limited: Option<Bounds>,
    /// In order; the newest ones when `limited`.
    pub entries: Vec<Entry>,
}

/// Places, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Bounds {
    /// First.
    pub from: u64,
    /// Last.
    pub to: u64,
}

/// Reads a part of a log; without `after` and `before` its end.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetEntries {
    /// The conversation.
    pub conversation_id: i64,
    /// The oldest entries after this place, or
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// the newest ones before this place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// 1 to 100.
    pub limit: u32,
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entries {
    /// The conversation.
    pub conversation_id: i64,
    /// Last entry that the user may see.
    pub last_seq: u64,
    /// In order.
    pub entries: Vec<Entry>,
    /// There is more in the direction that was asked for.
    pub has_more: bool,
}

/// Asks for a page of the user's conversations, latest activity first.
#[derive(Debug, Clone, Serialize)]
pub struct ListConversations {
    /// 1 to 100.
    pub limit: u32,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Conversations {
    /// The page.
    pub conversations: Vec<Conversation>,
    /// Where the next one begins.
    pub cursor: Option<String>,
}

/// A conversation of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The conversation.
    pub conversation_id: i64,
    /// `dialog` or `group`.
    pub kind: String,
    /// The other user of a dialog.
    pub peer_id: Option<i64>,
    /// First name of that user.
    pub peer_name: Option<String>,
    /// Name of a group.
    pub name: Option<String>,
    /// `member`, `admin` or `owner` of a group.
    pub role: Option<String>,
    /// First entry that the user may see.
    pub joined_seq: u64,
    /// Last entry.
    pub last_seq: u64,
    /// Up to where the user has read.
    pub read_seq: u64,
    /// Up to where a device has it.
    pub delivered_seq: u64,
    /// Up to where the peer has read.
    pub peer_read_seq: Option<u64>,
    /// Up to where a device of the peer has it.
    pub peer_delivered_seq: Option<u64>,
    /// Messages of others that are not read; 100 means that many or more.
    pub unread: u32,
    /// The latest message.
    pub last_message: Option<Entry>,
    /// When something happened last, ISO 8601 UTC with milliseconds.
    pub last_entry_at: String,
}

/// Moves the user's read watermark.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkRead {
    /// The conversation.
    pub conversation_id: i64,
    /// Up to here.
    pub seq: u64,
}

/// Moves the user's delivered watermark.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkDelivered {
    /// The conversation.
    pub conversation_id: i64,
    /// Up to here.
    pub seq: u64,
}

/// Where a change stands in the log, or where a watermark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Changed {
    /// The place.
    pub seq: u64,
}

/// Makes a group with the user in it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroup<'a> {
    /// Its name, up to 128 characters.
    pub name: &'a str,
    /// Makes a retry safe: the same id is the same group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_group_id: Option<Uuid>,
}

/// The group that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// Its conversation.
    pub conversation_id: i64,
    /// Its first entry.
    pub seq: u64,
}

/// Adds users to a group.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddMembers<'a> {
    /// The group.
    pub conversation_id: i64,
    /// 1 to 100 users.
    pub user_ids: &'a [i64],
}

/// What became of the users.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedMembers {
    /// One for each user.
    pub members: Vec<AddedMember>,
}

/// What became of a user: the place of the entry, or a code that says why not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedMember {
    /// The user.
    pub user_id: i64,
    /// Where the log tells of it.
    pub seq: Option<u64>,
    /// Why not.
    pub code: Option<String>,
    /// The same in a sentence.
    pub message: Option<String>,
}

/// Ends another user's membership.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveMember {
    /// The group.
    pub conversation_id: i64,
    /// The user.
    pub user_id: i64,
}

/// Leaves a group.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaveConversation {
    /// The group.
    pub conversation_id: i64,
}

/// Gives a group another name.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameGroup<'a> {
    /// The group.
    pub conversation_id: i64,
    /// Its name, up to 128 characters.
    pub name: &'a str,
}

/// Gives another member a role; the owner's only.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetRole<'a> {
    /// The group.
    pub conversation_id: i64,
    /// The member.
    pub user_id: i64,
    /// `member`, `admin`, or `owner`, which makes the asking user an admin.
    pub role: &'a str,
}

/// Renews the token of the open socket.
#[derive(Clone, Copy, Serialize)]
pub struct Authenticate<'a> {
    /// A fresh token of the same user.
    pub token: &'a str,
}

impl std::fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticate(…)")
    }
}

/// When the socket's token ends now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authenticated {
    /// ISO 8601 UTC with milliseconds.
    pub expires_at: String,
}

/// Names a request and what its answer holds, which is read as it stands.
macro_rules! answered {
    ($($request:ty as $name:literal with $reply:ty;)*) => {$(
        impl Request for $request {
            const TYPE: &'static str = $name;
            type Reply = $reply;
            fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
                reply.params(Self::TYPE)
            }
        }
    )*};
}

pub(super) use answered;

answered! {
    SendMessage<'_> as "sendMessage" with Stored;
    Resume as "resume" with Resumed;
    GetEntries as "getEntries" with Entries;
    ListConversations as "listConversations" with Conversations;
    MarkRead as "markRead" with Changed;
    MarkDelivered as "markDelivered" with Changed;
    CreateGroup<'_> as "createGroup" with Created;
    AddMembers<'_> as "addMembers" with AddedMembers;
    RemoveMember as "removeMember" with Changed;
    LeaveConversation as "leaveGroup" with Changed;
    RenameGroup<'_> as "renameGroup" with Changed;
    SetRole<'_> as "setRole" with Changed;
    Authenticate<'_> as "authenticate" with Authenticated;
}
