//! The task that sends letters, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::QUEUE;
use super::letter::{Letter, Writer};
use super::way::{Failed, Way};

/// How often a letter is tried, and how long it waits before each further try.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];

pub(super) struct Post {
    writer: Writer,
    way: Way,
    limit: Duration,
    /// Letters that are tried again, and when.
    again: VecDeque<(Instant, usize, Letter)>,
}

impl Post {
    pub(super) fn new(writer: Writer, way: Way, limit: Duration) -> Self {
        Self { writer, way, limit, again: VecDeque::new() }
    }

    /// Sends until everybody who could hand in a letter is gone, which at a stop is after the last request. Letters that
    /// have failed are then not waited for.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Letter>, stop: CancellationToken) {
        loop {
            let due = self.again.iter().map(|(at, ..)| *at).min();
            let (tried, letter) = tokio::select! {
                letter = queue.recv(), if self.again.len() < QUEUE => match letter {
                    Some(letter) => (0, letter),
                    None => return,
                },
                again = self.take_due(due) => again,
            };
            self.deliver(tried, letter).await;
            if stop.is_cancelled() && !self.again.is_empty() {
                // A stop does not wait for a server that does not take them.
                return;
            }
        }
    }

    async fn take_due(&mut self, due: Option<Instant>) -> (usize, Letter) {
        let Some(due) = due else { return std::future::pending().await };
        sleep_until(due).await;
        let place = self.again.iter().position(|(at, ..)| *at == due);
        match place.and_then(|place| self.again.remove(place)) {
            Some((_, tried, letter)) => (tried, letter),
            None => std::future::pending().await,
        }
    }

    async fn deliver(&mut self, tried: usize, letter: Letter) {
        let (user, purpose) = (letter.user, letter.purpose.label());
        let sent = match self.writer.write(&letter) {
            Ok(mail) => self.way.send(mail, self.limit).await,
            Err(_) => Err(Failed::ForGood),
        };
        let result = match (sent, PAUSES.get(tried)) {
            (Ok(()), _) => "sent",
            (Err(Failed::ForNow), Some(pause)) => {
                self.again.push_back((Instant::now() + *pause, tried + 1, letter.clone()));
                "retried"
            }
            (Err(_), _) => "failed",
        };
        metrics::counter!("accounts_mails_total", "result" => result).increment(1);
        match result {
            "sent" if matches!(self.way, Way::Log) => {
                tracing::info!(%user, purpose, "a mail was made");
                if let Some(link) = self.writer.link(&letter) {
                    tracing::debug!(%user, link, "its link");
                }
            }
            "sent" => tracing::debug!(%user, purpose, "a mail was sent"),
            _ => tracing::warn!(%user, purpose, result, "a mail was not sent"),
        }
    }
}
