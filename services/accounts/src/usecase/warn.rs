//! Letters that tell a user what somebody has done with his account, so that he hears of it when it was not he.

use super::Accounts;
use crate::domain::{Email, User};
use crate::mail::{Letter, Purpose};

impl Accounts {
    /// Writes to the address that was the user's before. Who gets here has given the password or a letter's token, so that
    /// nobody can have many of these written.
    pub(super) fn warn(&self, user: &User, purpose: Purpose) {
        // One that was accepted by older rules, and by today's is none, cannot be written to.
        if let Ok(to) = Email::parse(&user.profile.email) {
            self.mailer.send(Letter { user: user.id, to, purpose, token: None });
        }
    }
}
