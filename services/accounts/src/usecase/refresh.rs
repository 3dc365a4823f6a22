//! Refresh: a new access token, and the next refresh token, for the latest one.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{Accounts, LoggedIn};
use crate::crypto::RefreshToken;
use crate::domain::{Error, Refreshed, User};
use crate::notices::Notice;

impl Accounts {
    /// Exchanges a refresh token for the next one and an access token. One that was spent already is in two hands: its
    /// session ends, whoever holds it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], whatever is wrong with the token; [`Error::TooManyAttempts`].
    pub async fn refresh(&self, token: &str, from: IpAddr) -> Result<LoggedIn, Error> {
        // Counted whether it succeeds or not: each costs a transaction.
        let _counted = self.admit(self.throttle.refresh(from)).await?;
        let token = RefreshToken::parse(token).ok_or(Error::Unauthorized)?;
        let (id, now) = (token.session_id(), self.clock.now());
        let limits = &self.sessions;
        let judge = |stored: &_| token.judge(stored, now, limits.grace);
        match self.store.refresh_session(id, now, limits, judge).await? {
            Refreshed::Renewed { user, salt, expires_at } => {
                self.grant(*user, token.successor(&salt)?, expires_at, now)
            }
            Refreshed::Ended(user_id) => {
                metrics::counter!("accounts_refresh_reuse_total").increment(1);
                tracing::warn!(%user_id, session_id = %id, "a spent refresh token was shown, the session has ended");
                self.notices.send(Notice::SignedOut(user_id, vec![id]));
                Err(Error::Unauthorized)
            }
            Refreshed::Unknown => Err(Error::Unauthorized),
        }
    }

    /// What a client gets for a session that lives until `expires_at`; no access token outlives it.
    pub(super) fn grant(
        &self,
        user: User,
        refresh_token: RefreshToken,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<LoggedIn, Error> {
        let left = expires_at.duration_since(now).unsigned_abs();
        let expires_in = self.tokens.ttl().min(left);
        let token = self.tokens.sign(&user, refresh_token.session_id(), now, expires_in)?;
        Ok(LoggedIn { user, token, refresh_token, expires_in })
    }
}
