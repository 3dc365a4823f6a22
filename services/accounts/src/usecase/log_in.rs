//! Log-in.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::Accounts;
use super::prove::failed;
use crate::crypto::RefreshToken;
use crate::domain::{Credentials, Email, Error, Password, Session, User, UserAgent};
use crate::notices::Notice;

/// What a log-in, and each refresh of it, gives the client.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who logged in.
    pub user: User,
    /// Access token.
    pub token: String,
    /// What the next access token is had for.
    pub refresh_token: RefreshToken,
    /// How long the access token is valid.
    pub expires_in: Duration,
}

/// Where a log-in comes from.
#[derive(Debug)]
pub struct Client {
    /// What limits for each address are counted by.
    pub address: IpAddr,
    /// What it calls itself.
    pub user_agent: Option<UserAgent>,
}

impl Accounts {
    /// Checks the password, opens a session and signs a token for it.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], [`Error::AccountLocked`], [`Error::EmailNotVerified`], [`Error::TooManyAttempts`],
    /// [`Error::Busy`].
    pub async fn log_in(&self, email: &Email, password: Password, client: Client) -> Result<LoggedIn, Error> {
        let credentials = self.prove_by_email(email, password.clone(), client.address).await?;
        // Only who knows the password hears of the lock.
        if credentials.locked {
            return Err(Error::AccountLocked);
        }
        self.require_verified(&credentials.user, credentials.email_unverified).await?;
        let now = self.clock.now();
        let refresh_token = RefreshToken::new(Uuid::new_v4())?;
        let (family, secret) = refresh_token.digests();
        let session = Session {
            id: refresh_token.session_id(),
            user_id: credentials.user.id,
            user_agent: client.user_agent,
            created_at: now,
            expires_at: self.sessions.expiry(now, now),
            family,
            secret,
        };
        let Some(ended) = self.open(&session, &credentials, &password).await? else {
            failed("changed_meanwhile");
            return Err(Error::WrongCredentials);
        };
        if !ended.is_empty() {
            self.notices.send(Notice::SignedOut(session.user_id, ended));
        }
        self.rehash(&credentials, password).await;
        self.store.remember_address(session.user_id, client.address, now).await;
        self.grant(credentials.user, refresh_token, session.expires_at, now)
    }

    /// Opens the session while the stored hash is the one that was checked; when it is another, because a log-in at the same
    /// time has hashed the same password anew, once more by that. Says which sessions have given way.
    async fn open(
        &self,
        session: &Session,
        checked: &Credentials,
        password: &Password,
    ) -> Result<Option<Vec<Uuid>>, Error> {
        let at_most = self.sessions.per_user;
        if let Some(ended) = self.store.open_session(session, &checked.password_hash, at_most).await? {
            return Ok(Some(ended));
        }
        let Some(stored) = self.store.credentials(session.user_id).await? else { return Ok(None) };
        if !self.hashes.verify(password.clone(), Some(&stored.password_hash)).await? {
            return Ok(None);
        }
        self.store.open_session(session, &stored.password_hash, at_most).await
    }

    /// Hashes the password anew when its hash is cheaper than those of today. Sessions stay, and nothing fails by it: the
    /// next log-in tries again.
    async fn rehash(&self, credentials: &Credentials, password: Password) {
        if !self.hashes.is_outdated(&credentials.password_hash) {
            return;
        }
        let rehash = async {
            let new = self.hashes.hash(password).await?;
            self.store.rehash(credentials.user.id, &credentials.password_hash, &new).await
        };
        let result = match rehash.await {
            Ok(true) => "done",
            Ok(false) => "changed_meanwhile",
            Err(_) => "failed",
        };
        metrics::counter!("accounts_rehashes_total", "result" => result).increment(1);
    }
}
