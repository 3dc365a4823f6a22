//! Addresses that are shown to be the user's by a letter.

use std::time::Duration;

use super::Accounts;
use crate::crypto::MailToken;
use crate::domain::{Email, Error, ProfileChange, User, UserId};
use crate::mail::{Letter, Purpose};
use crate::notices::Notice;

/// How long a token may be used.
const LIFE: Duration = Duration::from_secs(86_400);

impl Accounts {
    /// Makes the address of a token its user's. The token is used up.
    ///
    /// # Errors
    /// [`Error::BadToken`], [`Error::EmailTaken`].
    pub async fn verify_email(&self, token: &str) -> Result<(), Error> {
        let token = MailToken::given(token).ok_or(Error::BadToken)?.hash();
        let user = self.store.verify_email(&token, self.clock.now()).await?.ok_or(Error::BadToken)?;
        self.notices.send(Notice::Updated(user));
        Ok(())
    }

    /// Whether the user may log in. One who has not shown that the address is his gets another letter.
    ///
    /// # Errors
    /// [`Error::EmailNotVerified`].
    pub(super) async fn require_verified(&self, user: &User, unverified: bool) -> Result<(), Error> {
        if !self.verification || !unverified {
            return Ok(());
        }
        let email = Email::parse(&user.profile.email).map_err(|error| Error::Internal(error.into()))?;
        self.ask_to_verify(user.id, email).await?;
        Err(Error::EmailNotVerified)
    }

    /// Writes to an address that is the user's once he has read the letter. Too many letters are not written.
    pub(super) async fn ask_to_verify(&self, user: UserId, email: Email) -> Result<(), Error> {
        if self.admit(self.throttle.mail_to(user)).await.is_err() {
            return Ok(());
        }
        let token = MailToken::random()?;
        if self.store.issue_verification(user, &email, &self.new_token(&token, LIFE)?).await? {
            let purpose = Purpose::VerifyEmail;
            self.mailer.send(Letter { user, to: email, purpose, token: Some(token.into_secret()) });
        }
        Ok(())
    }

    /// Takes a new address out of a change when it has to be verified first, and writes to it.
    ///
    /// # Errors
    /// [`Error::EmailTaken`].
    pub(super) async fn set_aside(&self, user: &User, change: ProfileChange) -> Result<ProfileChange, Error> {
        let (Some(email), true) = (&change.email, self.verification) else { return Ok(change) };
        let same = Email::parse(&user.profile.email).is_ok_and(|old| old.canonical() == email.canonical());
        if same {
            return Ok(change);
        }
        if self.store.is_taken(email, user.id).await? {
            return Err(Error::EmailTaken);
        }
        self.ask_to_verify(user.id, email.clone()).await?;
        Ok(ProfileChange { email: None, ..change })
    }
}
