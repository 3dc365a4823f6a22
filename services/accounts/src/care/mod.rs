//! What operators do with users from the command line: look, lock, export, erase.
//!
//! Every deed is a line of the log, `audit`, who did it included, before it is done. Knows no HTTP and no
//! password.

mod told;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use messenger_chassis::clock::Clock;
use messenger_chassis::report::{NotFound, Report};

use self::told::{Ended, Erased, Export, FoundRow, SessionRow, UserRow};
use crate::cli::{User, Who, Whose};
use crate::domain::{Error, Record, SearchLimit, SearchText, UserId};
use crate::notices::{Notice, Notices};
use crate::store::Store;

/// Log-ins that one statement ends.
const SESSIONS_BATCH: u16 = 1_000;
const NOBODY: CareError = CareError::NotFound(NotFound("user"));

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// There is no such user.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The database.
    #[error(transparent)]
    Store(#[from] Error),
    /// The output is closed.
    #[error("write the answer")]
    Output(#[from] io::Error),
}

/// What commands stand on.
pub struct Care<W> {
    /// Users and sessions.
    pub store: Store,
    /// Tells gateways at once what they would find in the log, or forget by themselves.
    pub notices: Notices,
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
    /// Does what was asked about a user.
    ///
    /// # Errors
    /// [`CareError`].
    pub async fn user(&mut self, verb: User) -> Result<(), CareError> {
        match verb {
            User::Show { who } => self.show(who).await,
            User::Find { text, limit } => self.find(&text, limit).await,
            User::Lock { id, reason } => self.lock(id, reason.as_deref()).await,
            User::Unlock { id } => self.unlock(id).await,
            User::Sessions { id } => self.sessions(id).await,
            User::Export { id } => self.export(id).await,
            User::Erase { id } => self.erase(id).await,
        }
    }

    /// Ends log-ins, some with each statement.
    ///
    /// # Errors
    /// [`CareError`].
    pub async fn end_sessions(&mut self, whose: Whose) -> Result<(), CareError> {
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

    async fn show(&mut self, who: Who) -> Result<(), CareError> {
        let id = match who {
            Who::Id(id) => id,
            Who::Email(email) => self.store.credentials_by_email(&email).await?.ok_or(NOBODY)?.user.id,
        };
        self.audit("user show", Some(id));
        let record = self.record(id).await?;
        Ok(self.report.one(&UserRow::from(&record))?)
    }

    async fn find(&mut self, text: &SearchText, limit: SearchLimit) -> Result<(), CareError> {
        self.audit("user find", None);
        let users = self.store.search_users(text, limit).await?;
        Ok(self.report.rows(&users.iter().map(FoundRow::from).collect::<Vec<_>>())?)
    }

    async fn lock(&mut self, id: UserId, reason: Option<&str>) -> Result<(), CareError> {
        self.audit("user lock", Some(id));
        let ended = self.store.lock_user(id, reason, self.clock.now()).await?.ok_or(NOBODY)?;
        self.notices.send(Notice::SignedOut(id, ended));
        let record = self.record(id).await?;
        Ok(self.report.one(&UserRow::from(&record))?)
    }

    async fn unlock(&mut self, id: UserId) -> Result<(), CareError> {
        self.audit("user unlock", Some(id));
        if !self.store.unlock_user(id).await? {
            return Err(NOBODY);
        }
        let record = self.record(id).await?;
        Ok(self.report.one(&UserRow::from(&record))?)
    }

    async fn sessions(&mut self, id: UserId) -> Result<(), CareError> {
        self.audit("user sessions", Some(id));
        self.record(id).await?;
        let sessions = self.store.held_sessions(id).await?;
        Ok(self.report.rows(&sessions.iter().map(SessionRow::from).collect::<Vec<_>>())?)
    }

    async fn export(&mut self, id: UserId) -> Result<(), CareError> {
        self.audit("user export", Some(id));
        let record = self.record(id).await?;
        let held = self.store.held(id).await?;
        Ok(self.report.object(&Export::of(&record, &held))?)
    }

    /// Who is removed already is no failure: the command may be repeated.
    async fn erase(&mut self, id: UserId) -> Result<(), CareError> {
        self.audit("user erase", Some(id));
        let before = self.record(id).await?;
        let ended = self.store.remove_user(id, self.clock.now()).await?;
        let erased = Erased { id: id.get(), erased: ended.is_some(), was_erased: before.user.removed };
        if let Some(ended) = ended {
            self.notices.send(Notice::Removed(id, ended));
        }
        Ok(self.report.one(&erased)?)
    }

    async fn record(&self, id: UserId) -> Result<Record, CareError> {
        self.store.record(id, self.clock.now()).await?.ok_or(NOBODY)
    }

    fn audit(&self, action: &'static str, user: Option<UserId>) {
        let user_id = user.map(UserId::get);
        tracing::info!(target: "audit", action, user_id, by = self.by, "audit");
    }
}
