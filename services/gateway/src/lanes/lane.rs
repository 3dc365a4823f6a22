//! One lane: a statement of its own in flight, and beside it one for each of its parked conversations.
//!
//! Invariant: a conversation is in one place at a time, in the lane or parked, and moves only when it has no statement
//! in flight. So its order stays that of the queue.

use futures_util::future::{Either, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;

use super::commit::Committer;
use super::parking::Parking;
use super::{Job, LaneConfig};
use crate::domain::ids::ConversationId;

/// What has come to its end.
enum Ended {
    /// The lane's statement; these jobs are of locked conversations.
    Lane(Vec<Job>),
    /// A statement that waited for this conversation.
    Parked(ConversationId),
}

async fn wait(committer: &Committer, conversation: ConversationId, part: Vec<Job>) -> Ended {
    committer.wait(part).await;
    Ended::Parked(conversation)
}

/// Runs until the queue has ended and everything in it was answered.
pub(super) async fn run(committer: &Committer, config: LaneConfig, mut jobs: mpsc::Receiver<Job>) {
    let mut parking = Parking::new(config);
    let mut in_flight = FuturesUnordered::new();
    let mut batch = Vec::with_capacity(config.batch);
    let (mut is_open, mut is_busy) = (true, false);
    while is_open || !in_flight.is_empty() {
        tokio::select! {
            count = jobs.recv_many(&mut batch, config.batch), if is_open && !is_busy => {
                is_open = count > 0;
                let part = parking.keep_parked(std::mem::take(&mut batch));
                batch.reserve(config.batch);
                if !part.is_empty() {
                    is_busy = true;
                    in_flight.push(Either::Left(committer.commit(part).map(Ended::Lane)));
                }
            }
            Some(ended) = in_flight.next() => match ended {
                Ended::Lane(locked) => {
                    is_busy = false;
                    for (conversation, part) in parking.park(locked) {
                        in_flight.push(Either::Right(wait(committer, conversation, part)));
                    }
                }
                Ended::Parked(conversation) => if let Some(part) = parking.next(conversation) {
                    in_flight.push(Either::Right(wait(committer, conversation, part)));
                },
            }
        }
    }
}
