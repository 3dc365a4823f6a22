//! A user who sends: keeps messages in flight, or sends each when it is due.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use messenger_client::socket::{RequestError, Sender};
use messenger_client::wire::{MessageInGroup, PrivateMessage, Sent};
use tokio::time::{sleep, sleep_until};

use crate::ledger::Seqs;
use crate::measure::{Errors, Live, Meters, Timeline, nanos};
use crate::stage::{Pace, Target};

/// Wait after a refusal that does not tell one: a server that refuses all must not be asked in a busy loop.
const AFTER_REFUSAL: Duration = Duration::from_millis(10);

/// What it takes to send.
pub(crate) struct Source {
    pub(crate) sender: Sender,
    pub(crate) target: Target,
    pub(crate) pace: Pace,
    pub(crate) in_flight: usize,
    pub(crate) bytes: usize,
    pub(crate) timeline: Timeline,
    pub(crate) live: Arc<Live>,
}

/// What a source did.
#[derive(Default)]
pub(crate) struct Sending {
    pub(crate) meters: Meters,
    pub(crate) acked: Seqs,
    pub(crate) errors: Errors,
    /// Messages that were due but found no room in flight before the end.
    pub(crate) unsent: u64,
}

struct Outcome {
    due: u64,
    now: u64,
    result: Result<Sent, RequestError>,
}

impl Source {
    /// Sends until the run's end and waits for the last answers.
    pub(crate) async fn run(self) -> Sending {
        let mut done = Sending::default();
        match self.pace {
            Pace::Closed => self.closed_loop(&mut done).await,
            Pace::Open { every, first } => self.open_loop(&mut done, nanos(first), nanos(every).max(1)).await,
        }
        done
    }

    async fn closed_loop(&self, done: &mut Sending) {
        let mut flying = FuturesUnordered::new();
        let mut alive = true;
        loop {
            let now = self.timeline.now();
            while alive && flying.len() < self.in_flight && now < self.timeline.end() {
                flying.push(self.send(now));
            }
            let Some(outcome) = flying.next().await else { return };
            alive &= self.settle(done, outcome);
        }
    }

    async fn open_loop(&self, done: &mut Sending, first: u64, every: u64) {
        let mut flying = FuturesUnordered::new();
        let mut alive = true;
        let mut due = first;
        let timer = sleep_until(self.timeline.instant(due));
        tokio::pin!(timer);
        loop {
            let ended = !alive || due >= self.timeline.end() || self.timeline.now() >= self.timeline.end();
            let room = flying.len() < self.in_flight;
            tokio::select! {
                Some(outcome) = flying.next(), if !flying.is_empty() => {
                    alive &= self.settle(done, outcome);
                }
                () = &mut timer, if !ended && room => {
                    flying.push(self.send(due));
                    due += every;
                    timer.as_mut().reset(self.timeline.instant(due));
                }
                else => break,
            }
        }
        done.unsent = self.timeline.end().saturating_sub(due).div_ceil(every);
    }

    /// Sends a message that was due at `due`, which it carries.
    async fn send(&self, due: u64) -> Outcome {
        let content = content(due, self.bytes);
        let result = match self.target {
            Target::User(receiver_id) => {
                let message = PrivateMessage { receiver_id, content: &content, client_message_id: None };
                self.sender.request(&message).await
            }
            Target::Group(group_id) => {
                let message = MessageInGroup { group_id, content: &content, client_message_id: None };
                self.sender.request(&message).await
            }
        };
        let now = self.timeline.now();
        if let Err(RequestError::Refused(refusal)) = &result {
            sleep(refusal.retry_after().unwrap_or(AFTER_REFUSAL)).await;
        }
        Outcome { due, now, result }
    }

    /// Notes an outcome; whether the socket lives.
    fn settle(&self, done: &mut Sending, outcome: Outcome) -> bool {
        let Outcome { due, now, result } = outcome;
        let error = match result {
            Ok(sent) => {
                done.meters.note(&self.timeline, due, now);
                if !done.acked.add(sent.seq) {
                    *done.errors.entry("acknowledged with a place it gave before".to_owned()).or_default() +=
                        1;
                }
                Live::count(&self.live.acks, 1);
                return true;
            }
            Err(error) => error,
        };
        Live::count(&self.live.errors, 1);
        *done.errors.entry(error.to_string()).or_default() += 1;
        !matches!(error, RequestError::Closed(_))
    }
}

/// The due time in nanoseconds, padded to `bytes`.
fn content(due: u64, bytes: usize) -> String {
    let mut content = String::with_capacity(bytes);
    content.push_str(&due.to_string());
    content.push(' ');
    content.extend(std::iter::repeat_n('x', bytes.saturating_sub(content.len())));
    content
}

/// The due time a message carries.
pub(crate) fn due_of(content: &str) -> Option<u64> {
    content.split_once(' ')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_when_they_were_due() {
        for due in [0, 12_345, u64::MAX] {
            let content = content(due, 24);
            assert_eq!((due_of(&content), content.len()), (Some(due), 24));
        }
        assert_eq!(due_of("Hi"), None);
    }
}
