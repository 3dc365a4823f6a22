//! What conversations a user is in, for many handshakes with one statement.

use std::sync::Arc;

use messenger_chassis::lifecycle::Tasks;

use super::Context;
use crate::domain::ids::{UserId, Xid};
use crate::store::{Crowd, Membership};

/// Whose, and since which transaction: the user's groups, and the dialogs with entries of that transaction or later. It may
/// name dialogs that have rested for a while longer.
pub(super) type Memberships = Crowd<(UserId, Xid), Vec<Membership>>;

/// Starts the reader.
pub(super) fn memberships(context: &Arc<Context>, tasks: &Tasks) -> Memberships {
    let (context, wait) = (Arc::clone(context), context.store.call_limit());
    Crowd::start("memberships", wait, tasks, move |asked: Vec<(UserId, Xid)>| {
        let context = Arc::clone(&context);
        async move {
            let since = asked.iter().map(|(_, since)| *since).min().unwrap_or(Xid(0));
            let users: Vec<_> = asked.into_iter().map(|(user, _)| user).collect();
            context.store.conversations_of(&users, since).await
        }
    })
}
