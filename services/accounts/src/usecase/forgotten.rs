//! Forgotten passwords: a letter, and a new password from whoever has read it.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Accounts;
use crate::crypto::MailToken;
use crate::domain::{At as _, Email, Error};
use crate::mail::{Letter, Purpose};
use crate::notices::Notice;
use crate::store::NewToken;

/// Requests that may wait to be looked into.
pub const FORGOTTEN_QUEUE: usize = 1_000;
/// How long a token may be used.
const LIFE: Duration = Duration::from_secs(30 * 60);

impl Accounts {
    /// Has a letter written to whoever has this e-mail, if anybody has. It is looked into after the answer, which is
    /// therefore the same and takes as long, whether anybody has.
    ///
    /// # Errors
    /// [`Error::MailOff`], [`Error::TooManyAttempts`].
    pub async fn forgot_password(&self, email: Email, from: IpAddr) -> Result<(), Error> {
        if !self.mailer.is_on() {
            return Err(Error::MailOff);
        }
        let _counted = self.admit(self.throttle.mail_from(from)).await?;
        if self.forgotten.try_send(email).is_err() {
            metrics::counter!("accounts_mails_total", "result" => "dropped").increment(1);
        }
        Ok(())
    }

    /// Replaces the password of a token's user and ends all his sessions. The token is used up.
    ///
    /// # Errors
    /// [`Error::BadToken`], [`Error::Invalid`], [`Error::Busy`].
    pub async fn reset_password(&self, token: &str, password: &str) -> Result<(), Error> {
        let token = MailToken::given(token).ok_or(Error::BadToken)?.hash();
        let user = self.store.owner_of_reset(&token, self.clock.now()).await?.ok_or(Error::BadToken)?;
        let password = self.policy.accept_of(password, &user.profile).at("newPassword")?;
        let hash = self.hashes.hash(password).await?;
        let reset = self.store.reset_password(user.id, &token, &hash, self.clock.now()).await?;
        self.notices.send(Notice::SignedOut(user.id, reset.ok_or(Error::BadToken)?));
        self.warn(&user, Purpose::PasswordChanged);
        Ok(())
    }

    /// Looks into the requests until the stop.
    pub async fn answer_forgotten(self, mut requests: mpsc::Receiver<Email>, stop: CancellationToken) {
        loop {
            let email = tokio::select! {
                () = stop.cancelled() => return,
                email = requests.recv() => email,
            };
            let Some(email) = email else { return };
            if let Err(error) = self.write_to(&email).await {
                tracing::warn!(%error, "a forgotten password was not answered");
            }
        }
    }

    async fn write_to(&self, email: &Email) -> Result<(), Error> {
        let Some(known) = self.store.credentials_by_email(email).await? else { return Ok(()) };
        if self.admit(self.throttle.mail_to(known.user.id)).await.is_err() {
            return Ok(());
        }
        // As he has written it himself: who asks may have written something that looks alike.
        let to = Email::parse(&known.user.profile.email).map_err(|error| Error::Internal(error.into()))?;
        let token = MailToken::random()?;
        if self.store.issue_reset(known.user.id, &self.new_token(&token, LIFE)?).await? {
            let (user, purpose) = (known.user.id, Purpose::ResetPassword);
            self.mailer.send(Letter { user, to, purpose, token: Some(token.into_secret()) });
        }
        Ok(())
    }

    pub(super) fn new_token(&self, token: &MailToken, life: Duration) -> Result<NewToken, Error> {
        let now = self.clock.now();
        let expires_at = now.saturating_add(life).map_err(|error| Error::Internal(error.into()))?;
        Ok(NewToken { hash: token.hash(), now, expires_at })
    }
}
