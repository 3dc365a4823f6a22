//! A user who listens: takes every push and notes when and in which order it came.

use std::sync::Arc;

use messenger_client::socket::Connection;
use messenger_client::wire::Push;
use tokio_util::sync::CancellationToken;

use crate::ledger::Heard;
use crate::measure::{Errors, Live, Meters, Timeline};
use crate::source::due_of;

/// Pushes taken at once.
const BATCH: usize = 256;

/// What it takes to listen.
pub(crate) struct Sink {
    pub(crate) connection: Connection,
    pub(crate) timeline: Timeline,
    pub(crate) live: Arc<Live>,
    pub(crate) stop: CancellationToken,
}

/// What a listener heard.
#[derive(Default)]
pub(crate) struct Listening {
    pub(crate) meters: Meters,
    pub(crate) heard: Heard,
    pub(crate) errors: Errors,
}

impl Sink {
    /// Listens until told to stop, or to the end of the socket, which is an error.
    pub(crate) async fn run(mut self) -> Listening {
        let mut done = Listening::default();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let taken = tokio::select! {
                taken = self.connection.recv_many(&mut batch, BATCH) => taken,
                () = self.stop.cancelled() => break,
            };
            if taken == 0 {
                let reason = self.connection.closed().map(ToString::to_string).unwrap_or_default();
                self.fail(&mut done, format!("disconnected: {reason}"));
                break;
            }
            let now = self.timeline.now();
            for push in batch.drain(..) {
                self.note(&mut done, &push, now);
            }
        }
        self.connection.close().await;
        done
    }

    fn note(&self, done: &mut Listening, push: &Push, now: u64) {
        let delivery = match push {
            Push::PrivateMessage(delivery) | Push::GroupMessage(delivery) => delivery,
            // The group is being made.
            Push::MemberAdded(_) | Push::MemberLeft(_) => return,
            Push::Event(_) | Push::Unknown(_) => {
                return self.fail(done, "a frame outside the contract".to_owned());
            }
        };
        let (Some(seq), Some(due)) = (delivery.seq, due_of(&delivery.text)) else {
            return self.fail(done, "a delivery without its place or with other text".to_owned());
        };
        done.heard.note(seq);
        done.meters.note(&self.timeline, due, now);
        Live::count(&self.live.deliveries, 1);
    }

    fn fail(&self, done: &mut Listening, error: String) {
        Live::count(&self.live.errors, 1);
        *done.errors.entry(error).or_default() += 1;
    }
}
