//! Follows accounts' log of ended sessions, whatever notices were lost on the way.

use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use messenger_proto::accounts::{EndedSession, GetEndedSessionsResponse};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tonic::Code;
use uuid::Uuid;

use super::accounts::{Accounts, CallError};
use crate::domain::ids::{SessionId, UserId};

/// Who wants to know. Called on the following task: must not block.
pub trait Endings: Send + Sync + 'static {
    /// A session has ended. May be told again.
    fn ended(&self, user: UserId, session: SessionId);
    /// All that was known to accounts a moment ago is told, or accounts does not answer; the next turn comes before this
    /// time, or none comes any more.
    fn caught_up(&self, next: Option<Instant>);
}

/// How the log is followed.
#[derive(Debug, Clone, Copy)]
pub struct EndingsConfig {
    /// Time between two looks.
    pub interval: Duration,
    /// Longest call.
    pub deadline: Duration,
}

/// Reads the log each `interval`, and at once when `now` asks for it, until the stop. What is returned becomes true when
/// the log was read to its end for the first time.
pub fn follow_endings(
    accounts: Accounts,
    endings: Arc<dyn Endings>,
    config: EndingsConfig,
    now: Arc<Notify>,
    tasks: &Tasks,
) -> watch::Receiver<bool> {
    let (known, is_known) = watch::channel(false);
    let told = Arc::clone(&endings);
    let follower = Follower { accounts, endings, config, known, cursor: String::new(), is_cut_off: false };
    let stop = tasks.stop().clone();
    tasks.spawn_essential("ended sessions", async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = follower.run(&now) => {}
        }
        // Sockets close within seconds now; none may wait for a turn that does not come.
        told.caught_up(None);
    });
    is_known
}

struct Follower {
    accounts: Accounts,
    endings: Arc<dyn Endings>,
    config: EndingsConfig,
    known: watch::Sender<bool>,
    cursor: String,
    /// Whether accounts does not answer, as far as is known.
    is_cut_off: bool,
}

impl Follower {
    async fn run(mut self, now: &Notify) {
        loop {
            let result = self.catch_up().await;
            self.tell(result);
            self.endings.caught_up(Some(Instant::now() + self.config.interval + self.config.deadline));
            tokio::select! {
                () = sleep(self.config.interval) => {}
                () = now.notified() => {}
            }
        }
    }

    /// Reads from the cursor to the end.
    async fn catch_up(&mut self) -> Result<(), CallError> {
        loop {
            let GetEndedSessionsResponse { sessions, cursor, has_more } =
                self.accounts.ended_sessions(&self.cursor).await?;
            let goes_on = has_more && cursor != self.cursor;
            self.cursor = cursor;
            sessions.iter().filter_map(ending).for_each(|(user, session)| self.endings.ended(user, session));
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Logs when it changes whether accounts answers, not at each turn.
    fn tell(&mut self, result: Result<(), CallError>) {
        let outcome = match result {
            Ok(()) => "read",
            // Before its next deploy accounts has no such log, and no way to end a session but the removal of its user.
            Err(CallError::Status(Code::Unimplemented)) => "unknown",
            Err(_) => "failed",
        };
        metrics::counter!("gateway_endings_reads_total", "result" => outcome).increment(1);
        match result {
            Err(error) if outcome == "failed" => {
                // Another accounts may answer next, or one whose database was restored: read all of it again.
                self.cursor.clear();
                if !self.is_cut_off {
                    tracing::warn!(%error, "ended sessions cannot be asked for");
                }
            }
            _ => {
                if self.is_cut_off {
                    tracing::info!("ended sessions can be asked for again");
                }
                self.known.send_replace(true);
            }
        }
        self.is_cut_off = outcome == "failed";
    }
}

fn ending(ended: &EndedSession) -> Option<(UserId, SessionId)> {
    let session = Uuid::from_slice(&ended.session_id).ok()?;
    Some((UserId(ended.user_id), SessionId(session)))
}
