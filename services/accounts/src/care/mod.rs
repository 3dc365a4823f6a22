//! What operators do with users from the command line: look, lock, export, erase.
//!
//! Every deed is a line of the log, `audit`, who did it included, before it is done. Knows no HTTP and no
//! password.

mod told;

use std::io::Write;
use std::sync::Arc;

use messenger_chassis::clock::Clock;
use messenger_chassis::command::Failure;
use messenger_chassis::report::Report;

use self::told::{Ended, Erased, Export, FoundRow, SessionRow, UserRow};
use crate::cli::{Sessions, User, Who, Whose};
use crate::domain::{Error, Record, SearchLimit, SearchText, UserId};
use crate::notices::{Notice, Notices};
use crate::store::Store;

/// Log-ins that one statement ends.
const SESSIONS_BATCH: u16 = 1_000;
const NOBODY: Failure = Failure::NotFound("user");

/// What is asked for.
#[derive(Debug)]
pub enum Task {
    /// Something about a user.
    User(User),
    /// Something about log-ins.
    Sessions(Sessions),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error.into())
    }
}

/// What commands stand on.
#[derive(Debug)]
pub struct Care<W> {
    /// Users and sessions.
    pub store: Store,
    /// Tells gateways at once what they would find in the log, or forget by themselves.
    pub notices: Notices,
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
            Task::User(User::Show { who }) => self.show(who).await,
            Task::User(User::Find { text, limit }) => self.find(&text, limit).await,
            Task::User(User::Lock { id, reason }) => self.lock(id, reason.as_deref()).await,
            Task::User(User::Unlock { id }) => self.unlock(id).await,
            Task::User(User::Sessions { id }) => self.sessions(id).await,
            Task::User(User::Export { id }) => self.export(id).await,
            Task::User(User::Erase { id }) => self.erase(id).await,
            Task::Sessions(Sessions::End { whose }) => self.end_sessions(whose).await,
        }
    }

    /// Ends log-ins, some with each statement.
    async fn end_sessions(&mut self, whose: Whose) -> Result<(), Failure> {
        let user = match whose {
            Whose::All => None,
            Whose::User(id) => Some(id),
        };
        self.audit("sessions end", user);
        let mut ended = 0;
        loop {
            let some = self.store.end_sessions(user, self.clock.now(), SESSIONS_BATCH).await?;
            ended += some;
            if some < u64::from(SESSIONS_BATCH) {
                return Ok(self.report.one(&Ended { ended })?);
            }
        }
    }

    async fn show(&mut self, who: Who) -> Result<(), Failure> {
        let id = match who {
            Who::Id(id) => id,
            Who::Email(email) => self.store.credentials_by_email(&email).await?.ok_or(NOBODY)?.user.id,
        };
        self.audit("user show", Some(id));
        let record = self.record(id).await?;
        Ok(self.report.one(&UserRow::from(&record))?)
    }

    async fn find(&mut self, text: &SearchText, limit: SearchLimit) -> Result<(), Failure> {
        self.audit("user find", None);
        let users = self.store.search_users(text, limit).await?;
        Ok(self.report.rows(&users.iter().map(FoundRow::from).collect::<Vec<_>>())?)
    }

    async fn lock(&mut self, id: UserId, reason: Option<&str>) -> Result<(), Failure> {
        self.audit("user lock", Some(id));
        let ended = self.store.lock_user(id, reason, self.clock.now()).await?.ok_or(NOBODY)?;
        self.notices.send(Notice::SignedOut(id, ended));
        let record = self.record(id).await?;
        Ok(self.report.one(&UserRow::from(&record))?)
    }

    async fn unlock(&mut self, id: UserId) -> Result<(), Failure> {
        self.audit("user unlock", Some(id));
        if !self.store.unlock_user(id).await? {
            return Err(NOBODY);
        }
        let record = self.record(id).await?;
        Ok(self.report.one(&UserRow::from(&record))?)
    }

    async fn sessions(&mut self, id: UserId) -> Result<(), Failure> {
        self.audit("user sessions", Some(id));
        self.record(id).await?;
        let sessions = self.store.held_sessions(id).await?;
        Ok(self.report.rows(&sessions.iter().map(SessionRow::from).collect::<Vec<_>>())?)
    }

    async fn export(&mut self, id: UserId) -> Result<(), Failure> {
        self.audit("user export", Some(id));
        let record = self.record(id).await?;
        let held = self.store.held(id).await?;
        Ok(self.report.object(&Export::of(&record, &held))?)
    }

    /// Who is removed already is no failure: the command may be repeated.
    async fn erase(&mut self, id: UserId) -> Result<(), Failure> {
        self.audit("user erase", Some(id));
        let before = self.record(id).await?;
        let ended = self.store.remove_user(id, self.clock.now()).await?;
        let erased = Erased { id: id.get(), erased: ended.is_some(), was_erased: before.user.removed };
        if let Some(ended) = ended {
            self.notices.send(Notice::Removed(id, ended));
        }
        Ok(self.report.one(&erased)?)
    }

    async fn record(&self, id: UserId) -> Result<Record, Failure> {
        self.store.record(id, self.clock.now()).await?.ok_or(NOBODY)
    }

    fn audit(&self, action: &'static str, user: Option<UserId>) {
        self.report.audit(action, user.map(UserId::get));
    }
}
