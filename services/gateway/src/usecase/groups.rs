//! Creates groups and changes their membership.

use std::collections::HashSet;

use messenger_chassis::telemetry;
use tracing::Span;
use uuid::Uuid;

use super::Messenger;
use crate::domain::caller::Caller;
use crate::domain::content::GroupName;
use crate::domain::entry::Entry;
use crate::domain::error::GatewayError;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, Seq, UserId};
use crate::domain::reply::{Reply, Role};
use crate::store::Founded;

impl Messenger {
    pub(super) async fn create_group(
        &self,
        caller: &Caller,
        name: &GroupName,
        key: Option<Uuid>,
    ) -> Result<Reply, GatewayError> {
        let author = self.author(caller).await;
        let (user, conversations) = (caller.user, self.limits.conversations);
        let founded = match key {
            Some(key) => self.store.create_group_once(user, key, name, conversations).await??,
            None => Founded::Now(self.store.create_group(user, name, conversations).await??),
        };
        let (group, seq) = match founded {
            Founded::Before(group, seq) => (group, seq),
            Founded::Now(entry) => {
                let place = (entry.conversation, entry.seq);
                self.announce(author, Author::default(), entry);
                place
            }
        };
        Ok(Reply::GroupCreated(group, seq))
    }

    pub(super) async fn add_member(
        &self,
        caller: &Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<Reply, GatewayError> {
        self.require_user(user).await?;
        let (author, subject) = (self.author(caller).await, self.subject(user));
        self.add(caller, group, user, author, subject).await.map(Reply::Changed)
    }

    /// Each on its own. Where the group itself is none of the caller's, that is the answer to all; once the log does not
    /// answer, nobody else is tried.
    pub(super) async fn add_members(
        &self,
        caller: &Caller,
        group: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Reply, GatewayError> {
        let profiles = self.profiles(&users).await?;
        let author = self.author(caller).await;
        let mut answers = Vec::with_capacity(users.len());
        let mut is_away = false;
        for user in users {
            let result = match profiles.get(&user) {
                _ if is_away => Err(GatewayError::Unavailable),
                Some(profile) if !profile.removed => {
                    let added = self.add(caller, group, user, author.clone(), profile.author()).await;
                    added.map_err(GatewayError::veiled)
                }
                _ => Err(GatewayError::UnknownUser),
            };
            match result {
                Err(GatewayError::NotFound) if answers.iter().all(is_refused) => {
                    return Err(GatewayError::NotFound);
                }
                Err(GatewayError::Unavailable) => is_away = true,
                _ => {}
            }
            answers.push((user, result));
        }
        Ok(Reply::MembersAdded(answers))
    }

    async fn add(
        &self,
        caller: &Caller,
        group: ConversationId,
        user: UserId,
        author: Author,
        subject: Author,
    ) -> Result<Seq, GatewayError> {
        let limits = self.limits;
        let added =
            self.store.add_member(group, caller.user, user, limits.group_members, limits.conversations);
        let entry = added.await??;
        let seq = entry.seq;
        self.announce(author, subject, entry);
        Ok(seq)
    }

    pub(super) async fn remove_member(
        &self,
        caller: &Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<Reply, GatewayError> {
        if user == caller.user {
            return Err(GatewayError::invalid("userId", "must be another one: leave the group instead"));
        }
        let author = self.author(caller).await;
        // Who is to go may have no account any more, and accounts may be away.
        let subject = self.names(HashSet::from([user])).await.of(user);
        let removed = self.store.remove_member(group, caller.user, user).await?;
        let entry = removed.map_err(GatewayError::veiled)?;
        let seq = entry.seq;
        self.announce(author, subject, entry);
        Ok(Reply::Changed(seq))
    }

    pub(super) async fn rename_group(
        &self,
        caller: &Caller,
        group: ConversationId,
        name: &GroupName,
    ) -> Result<Reply, GatewayError> {
        let author = self.author(caller).await;
        let renamed = self.store.rename_group(group, caller.user, name).await?;
        let entry = renamed.map_err(GatewayError::veiled)?;
        let seq = entry.seq;
        self.announce(author, Author::default(), entry);
        Ok(Reply::Changed(seq))
    }

    pub(super) async fn set_role(
        &self,
        caller: &Caller,
        group: ConversationId,
        user: UserId,
        role: Role,
    ) -> Result<Reply, GatewayError> {
        if user == caller.user {
            return Err(GatewayError::invalid("userId", "must be another one"));
        }
        let author = self.author(caller).await;
        let subject = self.names(HashSet::from([user])).await.of(user);
        let changed = self.store.set_role(group, caller.user, user, role).await?;
        let entry = changed.map_err(GatewayError::veiled)?;
        let seq = entry.seq;
        self.announce(author, subject, entry);
        Ok(Reply::Changed(seq))
    }

    pub(super) async fn leave_group(
        &self,
        caller: &Caller,
        group: ConversationId,
    ) -> Result<Reply, GatewayError> {
        let author = self.author(caller).await;
        let entry = self.store.leave_group(group, caller.user).await??;
        let seq = entry.seq;
        self.announce(author.clone(), author, entry);
        Ok(Reply::Changed(seq))
    }

    /// How a user is shown of whom accounts has just been asked.
    fn subject(&self, user: UserId) -> Author {
        self.directory.peek(user).map(|profile| profile.author()).unwrap_or_default()
    }

    fn announce(&self, author: Author, subject: Author, entry: Entry) {
        let event = Event { entry, author, subject };
        self.delivery.committed(event, telemetry::traceparent(&Span::current()));
    }
}

fn is_refused(answer: &(UserId, Result<Seq, GatewayError>)) -> bool {
    answer.1.is_err()
}
