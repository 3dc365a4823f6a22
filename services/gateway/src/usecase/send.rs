//! Sends a message: finds its conversation, puts it into the lane, waits for the commit.

use tokio::sync::oneshot;
use uuid::Uuid;

use super::Messenger;
use crate::domain::caller::Caller;
use crate::domain::command::{Destination, Send};
use crate::domain::error::GatewayError;
use crate::domain::ids::{ConversationId, UserId};
use crate::domain::reply::Reply;
use crate::lanes::Answer;
use crate::store::Draft;

/// A message in its lane.
#[derive(Debug)]
pub struct PendingSend {
    to: Destination,
    answer: oneshot::Receiver<Answer>,
}

impl PendingSend {
    pub(super) async fn finish(self) -> Result<Reply, GatewayError> {
        // A lane that ends without an answer was cut at a hard stop.
        let answer = self.answer.await.unwrap_or(Err(GatewayError::Unavailable));
        answer.map(|receipt| Reply::Sent { to: self.to, receipt })
    }
}

impl Messenger {
    pub(super) async fn start_send(&self, caller: &Caller, send: Send) -> Result<PendingSend, GatewayError> {
        let (conversation, recipient) = match send.to {
            Destination::Group(group) => (group, None),
            Destination::Conversation(_) => return Err(GatewayError::NotFound),
            Destination::User(receiver) => {
                self.require_user(receiver).await?;
                (self.dialog(caller.user, receiver).await?, Some(receiver))
            }
        };
        let author = self.author(caller).await;
        let uuid = Uuid::now_v7();
        let draft = Draft {
            conversation,
            sender: caller.user,
            recipient,
            client_id: send.client_id.unwrap_or(uuid),
            uuid,
            content: send.content.text().clone(),
            target: send.reply_to,
        };
        let answer = self.lanes.submit(draft, author)?;
        Ok(PendingSend { to: send.to, answer })
    }

    /// The dialog of two users; their first message begins it.
    async fn dialog(&self, user: UserId, peer: UserId) -> Result<ConversationId, GatewayError> {
        let pair = (user.min(peer), user.max(peer));
        if let Some(dialog) = self.dialogs.get(&pair) {
            return Ok(dialog);
        }
        let dialog = self.store.open_dialog(user, peer, self.limits.conversations).await??;
        self.dialogs.insert(pair, dialog);
        Ok(dialog)
    }
}
