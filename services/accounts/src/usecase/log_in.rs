//! Log-in.

use std::time::Duration;

use uuid::Uuid;

use super::Accounts;
use crate::domain::{Email, Error, Password, Session, User, UserAgent};

/// A successful log-in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who logged in.
    pub user: User,
    /// Access token.
    pub token: String,
    /// How long the token is valid.
    pub expires_in: Duration,
}

impl Accounts {
    /// Checks the password, opens a session and signs a token for it. An unknown e-mail costs as much time as a wrong
    /// password.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], [`Error::Busy`].
    pub async fn log_in(
        &self,
        email: &Email,
        password: Password,
        user_agent: Option<UserAgent>,
    ) -> Result<LoggedIn, Error> {
        let known = self.store.credentials_by_email(email).await?;
        let hash = known.as_ref().map(|credentials| credentials.password_hash.as_str());
        let fits = self.hashes.verify(password, hash).await?;
        let Some(credentials) = known.filter(|_| fits) else { return Err(refused()) };

        let now = self.clock.now();
        let expires_in = self.tokens.ttl();
        let session = Session {
            id: Uuid::new_v4(),
            user_id: credentials.user.id,
            user_agent,
            created_at: now,
            expires_at: now.saturating_add(expires_in).map_err(|error| Error::Internal(error.into()))?,
        };
        if !self.store.open_session(&session, &credentials.password_hash, self.sessions_max).await? {
            return Err(refused());
        }
        let token = self.tokens.sign(&credentials.user, session.id, now)?;
        Ok(LoggedIn { user: credentials.user, token, expires_in })
    }
}

fn refused() -> Error {
    metrics::counter!("accounts_log_in_failures_total").increment(1);
    Error::WrongCredentials
}
