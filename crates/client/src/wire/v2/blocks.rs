//! Requests about users whom one does not want to hear from.

use serde::{Deserialize, Serialize};

use super::request::answered;
use crate::wire::{Malformed, Reply, Request};

/// From now on neither of the two can write to the other in their dialog, nor add the other to a group.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockUser {
    /// The other user.
    pub user_id: i64,
}

/// Takes a block back.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnblockUser {
    /// The other user.
    pub user_id: i64,
}

/// Whom the two requests were about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockChanged {
    /// The user.
    pub user_id: i64,
}

/// Asks for a page of those whom the user has blocked.
#[derive(Debug, Clone, Serialize)]
pub struct ListBlocked {
    /// 1 to 100.
    pub limit: u32,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of blocked users, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BlockedUsers {
    /// The page.
    pub users: Vec<BlockedUser>,
    /// Where the next one begins.
    pub cursor: Option<String>,
}

/// A user whom the asking one has blocked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedUser {
    /// Who.
    pub user_id: i64,
    /// First name.
    pub user_name: Option<String>,
    /// Since when, ISO 8601 UTC with milliseconds.
    pub blocked_at: String,
}

answered! {
    BlockUser as "blockUser" with BlockChanged;
    UnblockUser as "unblockUser" with BlockChanged;
    ListBlocked as "listBlocked" with BlockedUsers;
}
