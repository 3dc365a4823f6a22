//! The eight requests of the documented contract and what each is answered.

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{Malformed, Reply};

/// One request type: the struct that implements it is its `params`.
pub trait Request: Serialize + Sync {
    /// Wire name, the `type` of the frame.
    const TYPE: &'static str;
    /// What a success holds.
    type Reply: Send;

    /// Takes the typed answer out of a success frame.
    ///
    /// # Errors
    /// [`Malformed`] when the frame lacks what this request's reply promises.
    fn read(reply: Reply) -> Result<Self::Reply, Malformed>;
}

/// Writes a request frame that carries `request_id`.
///
/// # Errors
/// Only when a foreign [`Request`] cannot be serialised; the ones of this module always can.
pub fn encode<R: Request>(request_id: u64, params: &R) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Frame { kind: R::TYPE, request_id, params })
}

#[derive(Serialize)]
struct Frame<'a, R> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "requestId", serialize_with = "as_text")]
    request_id: u64,
    params: &'a R,
}

/// Request ids travel as text: a JSON number above 2^53 does not survive every parser.
fn as_text<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// A success that says nothing but that it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done;

/// Where a sent message was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Id of the message.
    pub message_id: i64,
    /// Its place in the conversation: gap-free, from 1.
    pub seq: u64,
    /// When it was stored, ISO 8601 UTC with milliseconds.
    pub created_at: String,
}

/// The group that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub group_id: i64,
}

/// Newest message of each chat, newest chat first.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ListLastMessage {
    /// Entries a page, 1 to 100.
    pub limit: u32,
    /// Page, from 1.
    pub page: u32,
}

/// Newest messages of a dialog, newest first.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatestMessageDialog {
    /// The other user.
    pub receiver_id: i64,
    /// Entries a page, 1 to 100.
    pub limit: u32,
    /// Page, from 1.
    pub page: u32,
}

/// Newest messages of a group, newest first.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatestMessageGroup {
    /// The group.
    pub group_id: i64,
    /// Entries a page, 1 to 100.
    pub limit: u32,
    /// Page, from 1.
    pub page: u32,
}

/// Makes a group with the asking user in it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewGroup<'a> {
    /// Its name, up to 128 characters.
    pub group_name: &'a str,
}

/// Adds a user to a group of which the asking user is a member.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddUserInGroup {
    /// The group.
    pub group_id: i64,
    /// The user to add.
    pub user_id: i64,
}

/// Leaves a group.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaveGroup {
    /// The group.
    pub group_id: i64,
}

/// Sends a message to all members of a group.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageInGroup<'a> {
    /// The group.
    pub group_id: i64,
    /// Text, 1 to 16,384 bytes of UTF-8.
    pub content: &'a str,
    /// Makes a retry safe: the same id is stored once and answered the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Uuid>,
}

/// Sends a message to one user.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateMessage<'a> {
    /// The receiver; the sender's own id is a note to oneself.
    pub receiver_id: i64,
    /// Text, 1 to 16,384 bytes of UTF-8.
    pub content: &'a str,
    /// Makes a retry safe: the same id is stored once and answered the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Uuid>,
}

/// A chat as `listLastMessage` tells it: its newest message. Exactly one of receiver and group is set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastMessage {
    /// Id of the message.
    pub id: i64,
    /// Author.
    pub sender_id: i64,
    /// Author's first name.
    pub sender_name: Option<String>,
    /// Receiver of a private message.
    pub receiver_id: Option<i64>,
    /// Receiver's first name.
    pub receiver_name: Option<String>,
    /// Group of a group message.
    pub group_id: Option<i64>,
    /// Its name.
    pub group_name: Option<String>,
    /// Text.
    pub content: String,
    /// ISO 8601 UTC with milliseconds.
    pub created_at: String,
    /// ISO 8601 UTC with milliseconds.
    pub updated_at: String,
    /// ISO 8601 UTC with milliseconds, when it was deleted.
    pub deleted_at: Option<String>,
}

/// A row of `getlatestMessageDialog`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DialogMessage {
    /// Author.
    pub sender_id: i64,
    /// Receiver.
    pub receiver_id: i64,
    /// Receiver's first name; the contract spells it `receverName`.
    #[serde(rename = "receverName")]
    pub receiver_name: Option<String>,
    /// Text.
    pub content: String,
    /// ISO 8601 UTC with milliseconds.
    pub created_at: String,
}

/// A row of `getlatestMessageGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupMessage {
    /// Author.
    pub sender_id: i64,
    /// Author's first name.
    #[serde(rename = "senderName")]
    pub sender_name: Option<String>,
    /// The group.
    pub group_id: i64,
    /// ISO 8601 UTC with milliseconds.
    pub created_at: String,
    /// Text.
    pub content: String,
}

impl Request for ListLastMessage {
    const TYPE: &'static str = "listLastMessage";
    type Reply = Vec<LastMessage>;
    fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
        reply.rows(Self::TYPE)
    }
}

impl Request for LatestMessageDialog {
    const TYPE: &'static str = "getlatestMessageDialog";
    type Reply = Vec<DialogMessage>;
    fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
        reply.rows(Self::TYPE)
    }
}

impl Request for LatestMessageGroup {
    const TYPE: &'static str = "getlatestMessageGroup";
    type Reply = Vec<GroupMessage>;
    fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
        reply.rows(Self::TYPE)
    }
}

impl Request for NewGroup<'_> {
    const TYPE: &'static str = "newGroup";
    type Reply = Created;
    fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
        reply.created(Self::TYPE)
    }
}

impl Request for AddUserInGroup {
    const TYPE: &'static str = "addUserInGroup";
    type Reply = Done;
    fn read(_: Reply) -> Result<Self::Reply, Malformed> {
        Ok(Done)
    }
}

impl Request for LeaveGroup {
    const TYPE: &'static str = "leaveGroup";
    type Reply = Done;
    fn read(_: Reply) -> Result<Self::Reply, Malformed> {
        Ok(Done)
    }
}

impl Request for MessageInGroup<'_> {
    const TYPE: &'static str = "messageInGroup";
    type Reply = Sent;
    fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
        reply.sent(Self::TYPE)
    }
}

impl Request for PrivateMessage<'_> {
    const TYPE: &'static str = "privateMessage";
    type Reply = Sent;
    fn read(reply: Reply) -> Result<Self::Reply, Malformed> {
        reply.sent(Self::TYPE)
    }
}
