//! What operators do from the command line: look at conversations, export, erase, remove for age.
//!
//! Every deed is a line of the log, `audit`, who did it included, before it is done. Memory is bounded: what is
//! long goes page by page. Knows no socket and no Redis: gateways hear of what changed from the log.

mod conversations;
mod erase;
mod export;
mod retention;
mod told;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use messenger_chassis::clock::Clock;
use messenger_chassis::command::Failure;
use messenger_chassis::report::Report;

use crate::cli::{Conversations, Pace, Retention, User};
use crate::store::{Store, StoreError};

/// Rows of a page of what is read as a whole.
const PAGE: i64 = 500;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
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
#[derive(Debug)]
pub struct Care<W> {
    /// The log.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it is told.
    pub report: Report<W>,
}

impl<W: Write> Care<W> {
    /// Does what was asked.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&mut self, task: Task) -> Result<(), Failure> {
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
}

/// Leaves the database to others for a while.
async fn pause(pace: Pace) {
    tokio::time::sleep(Duration::from_millis(pace.pause_ms)).await;
}
