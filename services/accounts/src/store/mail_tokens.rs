//! Tokens that letters bring, and what they open.

use jiff::Timestamp;

use super::error::StoreError;
use super::statement::Statement;
use super::{Store, rows};
use crate::domain::{Email, Error, User, UserId};

/// What a token opens, as it is stored.
const RESET: &str = "reset_password";
const VERIFY: &str = "verify_email";

const ISSUE: Statement = Statement::new(
    "mail_tokens.issue",
    "INSERT INTO mail_tokens AS t (user_id, purpose, token_hash, email, email_as_typed, created_at, expires_at) \
     SELECT id, $2, $3, coalesce($4, email), coalesce($5, email_as_typed), $6, $7 FROM users WHERE id = $1 AND deleted_at IS NULL FOR SHARE \
     ON CONFLICT (user_id, purpose) DO UPDATE SET token_hash = excluded.token_hash, email = excluded.email, \
     email_as_typed = excluded.email_as_typed, created_at = excluded.created_at, expires_at = excluded.expires_at \
     RETURNING t.user_id",
);

const OWNER: Statement = Statement::new(
    "mail_tokens.owner",
    "SELECT u.id, u.uuid, u.email_as_typed, u.first_name, u.last_name, u.created_at, u.updated_at, u.deleted_at \
     FROM mail_tokens t JOIN users u ON u.id = t.user_id AND u.email = t.email \
     WHERE t.token_hash = $1 AND t.purpose = 'reset_password' AND t.expires_at > $2 AND u.deleted_at IS NULL",
);

/// The letter has arrived, so the address is the user's, too.
pub(super) const RESET_PASSWORD: Statement = Statement::new(
    "mail_tokens.reset_password",
    "WITH used AS ( \
         DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = 'reset_password' AND expires_at > $3 \
         RETURNING user_id, email \
     ) \
     UPDATE users u SET password_hash = $2, email_unverified = false, updated_at = $3 FROM used \
     WHERE u.id = used.user_id AND u.email = used.email AND u.deleted_at IS NULL RETURNING u.id",
);

const VERIFY_EMAIL: Statement = Statement::new(
    "mail_tokens.verify_email",
    "WITH used AS ( \
         DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = 'verify_email' AND expires_at > $2 \
         RETURNING user_id, email, email_as_typed \
     ) \
     UPDATE users u SET email = used.email, email_as_typed = used.email_as_typed, email_unverified = false, \
     updated_at = $2 FROM used WHERE u.id = used.user_id AND u.deleted_at IS NULL RETURNING u.id",
);

const EXPIRE: Statement = Statement::new(
    "mail_tokens.expire",
    "WITH old AS ( \
         SELECT user_id, purpose FROM mail_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 \
         FOR UPDATE SKIP LOCKED \
     ), gone AS ( \
         DELETE FROM mail_tokens t USING old WHERE t.user_id = old.user_id AND t.purpose = old.purpose RETURNING 1 \
     ) SELECT count(*) FROM gone",
);

#[cfg(test)]
pub(super) const STATEMENTS: &[Statement] = &[ISSUE, OWNER, RESET_PASSWORD, VERIFY_EMAIL, EXPIRE];

/// A token to be stored: its hash and its life.
#[derive(Debug)]
pub struct NewToken {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// When it is made.
    pub now: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// Stores a token that replaces the user's password, as long as he has the e-mail of now. An older one is void. `false`
    /// when the user is gone.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn issue_reset(&self, id: UserId, token: &NewToken) -> Result<bool, Error> {
        self.issue(id, RESET, None, token).await
    }

    /// Stores a token by which `email` becomes the user's, and shown to be. An older one is void. `false` when the user is
    /// gone.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn issue_verification(
        &self,
        id: UserId,
        email: &Email,
        token: &NewToken,
    ) -> Result<bool, Error> {
        self.issue(id, VERIFY, Some(email), token).await
    }

    /// Whose password a token may replace.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn owner_of_reset(&self, hash: &[u8], now: Timestamp) -> Result<Option<User>, Error> {
        let row = self.row(&OWNER, &[&hash, &now]).await?;
        Ok(row.as_ref().map(rows::user).transpose()?)
    }

    /// Makes the address of a token its user's, verified; whose it is. `None` when there is no such token any more.
    ///
    /// # Errors
    /// [`Error::EmailTaken`].
    pub async fn verify_email(&self, hash: &[u8], now: Timestamp) -> Result<Option<UserId>, Error> {
        let Some(row) = self.row(&VERIFY_EMAIL, &[&hash, &now]).await? else { return Ok(None) };
        let id = row.try_get(0).map_err(StoreError::from)?;
        let id = UserId::new(id).map_err(|_| StoreError::Inconsistent("user id is not positive"))?;
        Ok(Some(id))
    }

    /// Deletes expired tokens, at most `limit`, and says how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn delete_expired_tokens(&self, now: Timestamp, limit: u16) -> Result<u64, Error> {
        self.count(&EXPIRE, &[&now, &i64::from(limit)]).await
    }

    async fn issue(
        &self,
        id: UserId,
        purpose: &'static str,
        email: Option<&Email>,
        token: &NewToken,
    ) -> Result<bool, Error> {
        let NewToken { hash, now, expires_at } = token;
        let (canonical, as_typed) = (email.map(Email::canonical), email.map(Email::as_typed));
        let row =
            self.row(&ISSUE, &[&id.get(), &purpose, hash, &canonical, &as_typed, now, expires_at]).await?;
        Ok(row.is_some())
    }
}
