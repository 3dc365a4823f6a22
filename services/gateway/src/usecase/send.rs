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
use crate::store::{Address, Draft};

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
        match answer {
            Ok(receipt) => Ok(Reply::Sent { to: self.to, receipt }),
            Err(error) if matches!(self.to, Destination::Conversation(_)) => Err(error.veiled()),
            Err(error) => Err(error),
        }
    }
}

impl Messenger {
    pub(super) async fn start_send(&self, caller: &Caller, send: Send) -> Result<PendingSend, GatewayError> {
        let (conversation, recipient) = match send.to {
            Destination::Group(group) => (group, None),
            Destination::Conversation(conversation) => {
                (conversation, self.recipient(caller.user, conversation).await?)
            }
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

    /// Whom a message to the conversation goes to beside its members: the other one of a dialog. Whether the user is a
    /// member of a group is found out when the message is stored.
    async fn recipient(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Option<UserId>, GatewayError> {
        let peer = match self.address(conversation).await? {
            Address::Group => return Ok(None),
            Address::Dialog(low, high) if user == low => high,
            Address::Dialog(low, high) if user == high => low,
            Address::Dialog(..) => return Err(GatewayError::NotFound),
        };
        self.require_user(peer).await?;
        Ok(Some(peer))
    }

    async fn address(&self, conversation: ConversationId) -> Result<Address, GatewayError> {
        if let Some(address) = self.addresses.get(&conversation) {
            return Ok(address);
        }
        let address = self.store.address(conversation).await?.ok_or(GatewayError::NotFound)?;
        self.addresses.insert(conversation, address);
        Ok(address)
    }

    /// The dialog of two users, if they have one.
    pub(super) async fn known_dialog(
        &self,
        user: UserId,
        peer: UserId,
    ) -> Result<Option<ConversationId>, GatewayError> {
        let pair = (user.min(peer), user.max(peer));
        if let Some(dialog) = self.dialogs.get(&pair) {
            return Ok(Some(dialog));
        }
        let found = self.store.find_dialog(user, peer).await?;
        if let Some(dialog) = found {
            self.dialogs.insert(pair, dialog);
        }
        Ok(found)
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
