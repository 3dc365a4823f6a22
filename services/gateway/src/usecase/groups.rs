//! Creates groups and changes their membership.

use messenger_chassis::telemetry;
use tracing::Span;

use super::Messenger;
use crate::domain::caller::Caller;
use crate::domain::content::GroupName;
use crate::domain::entry::Entry;
use crate::domain::error::GatewayError;
use crate::domain::event::{Author, Event};
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::reply::Reply;

impl Messenger {
    pub(super) async fn create_group(
        &self,
        caller: &Caller,
        name: &GroupName,
    ) -> Result<Reply, GatewayError> {
        let author = self.author(caller).await;
        let entry = self.store.create_group(caller.user, name, self.limits.conversations).await??;
        let (group, seq) = (entry.conversation, entry.seq);
        self.announce(author, Author::default(), entry);
        Ok(Reply::GroupCreated(group, seq))
    }

    pub(super) async fn add_member(
        &self,
        caller: &Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<Reply, GatewayError> {
        self.require_user(user).await?;
        let author = self.author(caller).await;
        let limits = self.limits;
        let added =
            self.store.add_member(group, caller.user, user, limits.group_members, limits.conversations);
        let (entry, subject) = (added.await??, self.subject(user));
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
