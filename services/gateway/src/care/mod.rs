//! What operators do from the command line: look at conversations, export, erase, remove for age.
//!
//! Every deed is a line of the log, `audit`, who did it included, before it is done. Memory is bounded: what is
//! long goes page by page. Knows no socket and no Redis: gateways hear of what changed from the log.

mod conversations;
mod erase;
mod export;
mod retention;
mod told;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::clock::Clock;
use messenger_chassis::report::{NotFound, Report};

use crate::cli::{Conversations, Pace, Retention, User};
use crate::store::{Store, StoreError};

/// Rows of a page of what is read as a whole.
const PAGE: i64 = 500;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// There is nothing of this name.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output is closed.
    #[error("write the answer")]
    Output(#[from] io::Error),
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Task {
    /// To look at conversations.
    Conversations(Conversations),
    /// Something about a user.
    User(User),
    /// Something for the age of messages.
    Retention(Retention),
}

impl Task {
    /// Whether it needs the rights of the schema's owner.
    pub fn removes(&self) -> bool {
        matches!(self, Self::User(User::Erase { .. }) | Self::Retention(_))
    }
}

/// What commands stand on.
pub struct Care<W> {
    /// The log.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who asks.
    pub by: String,
    /// Where it is told.
    pub report: Report<W>,
}

impl<W> fmt::Debug for Care<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Care").field("by", &self.by).finish_non_exhaustive()
    }
}

impl<W: Write> Care<W> {
    /// Does what was asked.
    ///
    /// # Errors
    /// [`CareError`].
    pub async fn run(&mut self, task: Task) -> Result<(), CareError> {
        match task {
            Task::Conversations(Conversations::Show { which }) => self.show(which).await,
            Task::Conversations(Conversations::List { user, after, limit }) => {
                self.list(user, after, limit).await
            }
            Task::Conversations(Conversations::Entries { id, after, limit, bodies }) => {
                self.entries(id, after, limit, bodies).await
            }
            Task::User(User::Show { id }) => self.show_user(id).await,
            Task::User(User::Export { id }) => self.export(id).await,
            Task::User(User::Erase { id, pace }) => self.erase(id, pace).await,
            Task::Retention(Retention::Run { older_than, dry_run, pace }) => {
                self.retain(older_than, dry_run, pace).await
            }
        }
    }

    /// `subject` is the number of a user or a conversation.
    fn audit(&self, action: &'static str, subject: Option<i64>) {
        tracing::info!(target: "audit", action, subject, by = self.by, "audit");
    }
}

/// Leaves the database to others for a while.
async fn pause(pace: Pace) {
    tokio::time::sleep(Duration::from_millis(pace.pause_ms)).await;
}
