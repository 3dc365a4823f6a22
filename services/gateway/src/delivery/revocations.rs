//! Finds out which of the users who are here were removed while nobody could tell this replica: a notice that the bus
//! has lost does not come again, and the token of a removed user is good for hours.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::domain::close::Close;
use crate::domain::ids::UserId;

/// Users asked for at once.
const BATCH: usize = 500;
/// Pause before all are asked for again, while the bus is still in doubt or accounts does not answer.
const AGAIN: Duration = Duration::from_secs(10);

/// Asks for everybody who is here whenever `interrupted` says so, until the stop.
pub(super) async fn watch(context: Arc<Context>, interrupted: Arc<Notify>, stop: CancellationToken) {
    while stop.run_until_cancelled(interrupted.notified()).await.is_some() {
        loop {
            // Looked at first: what is lost from here on is asked for in the next round.
            let is_heard = context.bus.is_healthy();
            if close_removed(&context).await && is_heard {
                break;
            }
            if stop.run_until_cancelled(sleep(AGAIN)).await.is_none() {
                return;
            }
        }
    }
}

/// False when accounts did not answer: who is here stays, as after a handshake without an answer.
async fn close_removed(context: &Context) -> bool {
    for users in context.hub.users().chunks(BATCH) {
        let Ok(known) = context.directory.ask_again(users).await else { return false };
        let is_gone = |user: &&UserId| known.get(user).is_none_or(|profile| profile.removed);
        for user in users.iter().filter(is_gone) {
            metrics::counter!("gateway_revocations_missed_total").increment(1);
            context.hub.close_user(*user, Close::Unauthorized);
        }
    }
    true
}
