//! What a user may do, and how it is done: one file per verb. Knows no socket, no dialect, no bus.

mod blocks;
mod chats;
mod conversations;
mod groups;
mod history;
mod marks;
mod names;
pub(crate) mod resume;
mod send;

pub use resume::{Rested, rested};
pub use send::PendingSend;

use std::collections::HashMap;
use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::delivery::Delivery;
use crate::directory::{Directory, DirectoryError, Profile};
use crate::domain::caller::Caller;
use crate::domain::command::Command;
use crate::domain::error::GatewayError;
use crate::domain::event::Author;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::page::Limit;
use crate::domain::reply::Reply;
use crate::lanes::Lanes;
use crate::store::{Address, Store, StoreError};

/// Limits of the use cases.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Members of a group.
    pub group_members: i64,
    /// Conversations of a user.
    pub conversations: i64,
    /// Users whom a user has blocked.
    pub blocked_users: i64,
    /// Dialogs whose number is remembered, to spare a look-up per message, and conversations whose kind is.
    pub dialogs_cached: usize,
    /// Members of a group in which they are told of each other's watermarks.
    pub receipt_members: i64,
}

/// All use cases over their parts.
pub struct Messenger {
    store: Store,
    rested: Rested,
    lanes: Lanes,
    delivery: Arc<Delivery>,
    directory: Arc<dyn Directory>,
    dialogs: Cache<(UserId, UserId), ConversationId>,
    addresses: Cache<ConversationId, Address>,
    limits: Limits,
}

impl std::fmt::Debug for Messenger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messenger").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A command under way.
#[derive(Debug)]
pub enum Started {
    /// Finished already.
    Done(Result<Reply, GatewayError>),
    /// A message in its lane: the answer comes after the commit.
    Pending(PendingSend),
}

impl Started {
    /// Waits for the answer.
    pub async fn finish(self) -> Result<Reply, GatewayError> {
        match self {
            Self::Done(result) => result,
            Self::Pending(pending) => pending.finish().await,
        }
    }
}

impl Messenger {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        rested: Rested,
        lanes: Lanes,
        delivery: Arc<Delivery>,
        directory: Arc<dyn Directory>,
        limits: Limits,
    ) -> Self {
        let dialogs = Cache::new(limits.dialogs_cached);
        let addresses = Cache::new(limits.dialogs_cached);
        Self { store, rested, lanes, delivery, directory, dialogs, addresses, limits }
    }

    /// Begins a command. Messages are in their lane when this returns, in the order of the calls; everything else is
    /// done by then.
    pub async fn start(&self, caller: &Caller, command: Command) -> Started {
        match command {
            Command::Send(send) => match self.start_send(caller, send).await {
                Ok(pending) => Started::Pending(pending),
                Err(error) => Started::Done(Err(error)),
            },
            command => Started::Done(self.answer(caller, command).await),
        }
    }

    async fn answer(&self, caller: &Caller, command: Command) -> Result<Reply, GatewayError> {
        let user = caller.user;
        match command {
            Command::ListChats(page) => self.chats(user, page).await,
            Command::DialogHistory { peer, page } => self.dialog_history(user, peer, page).await,
            Command::GroupHistory { group, page } => self.group_history(user, group, page).await,
            Command::CreateGroup { name, key } => self.create_group(caller, &name, key).await,
            Command::AddMember { group, user } => self.add_member(caller, group, user).await,
            Command::AddMembers { group, users } => self.add_members(caller, group, users).await,
            Command::RemoveMember { group, user } => self.remove_member(caller, group, user).await,
            Command::LeaveGroup { group } => self.leave_group(caller, group).await,
            Command::RenameGroup { group, name } => self.rename_group(caller, group, &name).await,
            Command::SetRole { group, user, role } => self.set_role(caller, group, user, role).await,
            Command::BlockUser { user: other } => self.block_user(user, other).await,
            Command::UnblockUser { user: other } => self.unblock_user(user, other).await,
            Command::ListBlocked { limit, after } => self.blocked(user, limit, after).await,
            Command::ListConversations { limit, after } => self.conversations(user, limit, after).await,
            Command::GetEntries { conversation, range, limit } => {
                self.entries(user, conversation, range, limit).await
            }
            Command::Resume { since, positions, after } => self.resume(user, since, &positions, after).await,
            Command::Mark(mark) => self.mark(user, mark).await,
            // A message is not answered here, and a token is renewed by the session that it belongs to.
            Command::Send(_) | Command::Authenticate(_) => Err(GatewayError::UnknownType),
        }
    }

    /// How the caller is shown to others: as accounts says or, while accounts does not answer, as the token said.
    async fn author(&self, caller: &Caller) -> Author {
        let found = self.profile(caller.user).await.unwrap_or_default();
        found.map_or_else(|| caller.claimed.clone(), |profile| profile.author())
    }

    /// What is known of the user, or else what accounts answers.
    async fn profile(&self, user: UserId) -> Result<Option<Arc<Profile>>, DirectoryError> {
        match self.directory.peek(user) {
            Some(profile) => Ok(Some(profile)),
            None => Ok(self.directory.get(&[user]).await?.remove(&user)),
        }
    }

    async fn profiles(&self, users: &[UserId]) -> Result<HashMap<UserId, Arc<Profile>>, GatewayError> {
        Ok(self.directory.get(users).await?)
    }

    /// A user to whom something new may be sent.
    async fn require_user(&self, user: UserId) -> Result<(), GatewayError> {
        match self.profile(user).await? {
            Some(profile) if !profile.removed => Ok(()),
            _ => Err(GatewayError::UnknownUser),
        }
    }
}

/// Whether there may be rows after these.
fn is_full(rows: usize, limit: Limit) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows == limit.rows())
}

/// The store has told the cause, but not of data that a statement refused.
impl From<StoreError> for GatewayError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Self::Unavailable,
            StoreError::Internal => Self::Internal,
            StoreError::Data(_) => {
                tracing::error!(%error, "the log could not be used");
                Self::Internal
            }
        }
    }
}

impl From<DirectoryError> for GatewayError {
    fn from(error: DirectoryError) -> Self {
        tracing::warn!(%error, "the directory could not be asked");
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests;
