//! Proof by password, which may be tried only so often.

use std::net::IpAddr;

use super::Accounts;
use crate::domain::{Bearer, Credentials, Email, Error, Password};
use crate::throttle::{Attempt, Limit, Refused};

impl Accounts {
    /// Whoever owns this e-mail and password. Attempts that come too early are refused before a password is hashed, and an
    /// unknown e-mail costs as much time as a wrong password.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], [`Error::TooManyAttempts`], [`Error::Busy`].
    pub(super) async fn prove_by_email(
        &self,
        email: &Email,
        password: Password,
        address: IpAddr,
    ) -> Result<Credentials, Error> {
        let attempt = self.admit_log_in(email, address).await?;
        let proof = self.credentials_of(email, password).await;
        self.settle(attempt, &proof).await;
        proof
    }

    /// The bearer, once more, by his password: before something that a stolen token alone must not do.
    ///
    /// # Errors
    /// [`Error::WrongOldPassword`], [`Error::TooManyAttempts`], [`Error::Busy`]; [`Error::Unauthorized`] when the user was
    /// removed meanwhile.
    pub(super) async fn prove_again(
        &self,
        bearer: &Bearer,
        password: Password,
    ) -> Result<Credentials, Error> {
        let limits = self.throttle.own_password(bearer);
        let attempt = self.throttle.attempt(limits, self.clock.now()).await.map_err(|no| refuse(&no))?;
        let proof = self.own_credentials(bearer, password).await;
        self.settle(attempt, &proof).await;
        proof
    }

    /// Counts something that is limited by rate and cannot fail, as a sign-up.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub(super) async fn admit(&self, limits: Vec<Limit>) -> Result<Attempt, Error> {
        self.throttle.attempt(limits, self.clock.now()).await.map_err(|refused| refuse(&refused))
    }

    /// An address from which the user has logged in before is not slowed by what others do to his account, or to all.
    async fn admit_log_in(&self, email: &Email, address: IpAddr) -> Result<Attempt, Error> {
        let now = self.clock.now();
        let limits = self.throttle.log_in(email, address);
        let refused = match self.throttle.attempt(limits.clone(), now).await {
            Ok(attempt) => return Ok(attempt),
            Err(refused) => refused,
        };
        if !refused.spares_known() || !self.store.knows_address(email, address, now).await? {
            return Err(refuse(&refused));
        }
        let own = limits.into_iter().filter(|limit| !limit.what().spares_known()).collect();
        self.throttle.attempt(own, now).await.map_err(|refused| refuse(&refused))
    }

    async fn settle<T>(&self, attempt: Attempt, outcome: &Result<T, Error>) {
        let now = self.clock.now();
        match outcome {
            Ok(_) => self.throttle.succeeded(attempt, now).await,
            Err(Error::WrongCredentials | Error::WrongOldPassword) => {
                self.throttle.failed(attempt, now).await;
            }
            Err(_) => self.throttle.take_back(attempt, now).await,
        }
    }

    async fn credentials_of(&self, email: &Email, password: Password) -> Result<Credentials, Error> {
        let known = self.store.credentials_by_email(email).await?;
        let hash = known.as_ref().map(|credentials| credentials.password_hash.as_str());
        let fits = self.hashes.verify(password, hash).await?;
        let reason = if known.is_some() { "wrong_password" } else { "unknown_user" };
        known.filter(|_| fits).ok_or_else(|| {
            failed(reason);
            Error::WrongCredentials
        })
    }

    async fn own_credentials(&self, bearer: &Bearer, password: Password) -> Result<Credentials, Error> {
        let stored = self.store.credentials(bearer.user_id).await?.ok_or(Error::Unauthorized)?;
        if self.hashes.verify(password, Some(&stored.password_hash)).await? {
            return Ok(stored);
        }
        failed("wrong_old_password");
        Err(Error::WrongOldPassword)
    }
}

/// Counts a failure; `reason` is one of a few words.
pub(super) fn failed(reason: &'static str) {
    metrics::counter!("accounts_log_in_failures_total", "reason" => reason).increment(1);
}

fn refuse(refused: &Refused) -> Error {
    refused.record();
    Error::TooManyAttempts(refused.wait())
}
