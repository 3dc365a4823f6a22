//! Moves a watermark, and tells of it if it moved.

use super::Messenger;
use crate::domain::command::Mark;
use crate::domain::error::GatewayError;
use crate::domain::event::{Audience, Watermark};
use crate::domain::ids::UserId;
use crate::domain::reply::Reply;

impl Messenger {
    pub(super) async fn mark(&self, user: UserId, mark: Mark) -> Result<Reply, GatewayError> {
        let marked = self.store.mark(user, mark, self.limits.receipt_members).await??;
        if marked.moved {
            let audience = match marked.peer {
                Some(peer) => Audience::Peer(peer),
                None if marked.is_small => Audience::Members,
                None => Audience::Nobody,
            };
            self.delivery.marked(Watermark { user, mark, audience });
        }
        Ok(Reply::Marked(marked.seq))
    }
}
