//! What letters say. They hold nothing that a user has chosen but his address, which has no line ends in it.

use std::fmt;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};
use secrecy::{ExposeSecret as _, SecretString};

use super::MailSetupError;
use crate::domain::{Email, UserId};

/// Why a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A forgotten password may be replaced.
    ResetPassword,
    /// The address is to be shown to be the user's.
    VerifyEmail,
    /// The password was changed.
    PasswordChanged,
    /// A new address was given for the account.
    EmailChanged,
}

impl Purpose {
    /// Its name in logs, and the last part of the link.
    pub fn label(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::VerifyEmail => "verify-email",
            Self::PasswordChanged => "password-changed",
            Self::EmailChanged => "email-changed",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::ResetPassword => "Choose a new password",
            Self::VerifyEmail => "Confirm your e-mail address",
            Self::PasswordChanged => "Your password was changed",
            Self::EmailChanged => "A new e-mail address for your account",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::ResetPassword => {
                "Somebody, probably you, has asked for a new password for your account. Choose one here within half an \
                 hour:"
            }
            Self::VerifyEmail => "Confirm here within a day that this address is yours:",
            Self::PasswordChanged => {
                "The password of your account was changed. All other devices are logged out."
            }
            Self::EmailChanged => {
                "Another e-mail address was given for your account, in the place of this one."
            }
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::ResetPassword => "If it was not you, do nothing: your password stays as it is.",
            Self::VerifyEmail => "If you have no account here, do nothing.",
            Self::PasswordChanged | Self::EmailChanged => {
                "If it was not you, ask for a new password at once, and tell those who run this service."
            }
        }
    }
}

/// A letter to one user.
#[derive(Clone)]
pub struct Letter {
    /// Whom it is about, for the log.
    pub user: UserId,
    /// Where it goes.
    pub to: Email,
    /// Why it is written.
    pub purpose: Purpose,
    /// What its reader proves himself by, where there is something to do.
    pub token: Option<SecretString>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("user", &self.user)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// The address cannot be written to in a mail's head.
#[derive(Debug, thiserror::Error)]
#[error("no mail can be addressed so")]
pub(super) struct Unaddressable;

/// Writes letters as mails.
#[derive(Debug)]
pub(super) struct Writer {
    from: Mailbox,
    public_url: String,
}

impl Writer {
    pub(super) fn new(from: &str, public_url: &str) -> Result<Self, MailSetupError> {
        let from = from.parse().map_err(|_| MailSetupError::From)?;
        let web = ["http://", "https://"].iter().any(|scheme| {
            public_url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        });
        if !web || public_url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
            return Err(MailSetupError::PublicUrl);
        }
        Ok(Self { from, public_url: public_url.trim_end_matches('/').to_owned() })
    }

    /// The token is behind a `#`: it reaches no server's log.
    pub(super) fn link(&self, letter: &Letter) -> Option<String> {
        let token = letter.token.as_ref()?.expose_secret();
        Some(format!("{}/{}#token={token}", self.public_url, letter.purpose.label()))
    }

    pub(super) fn write(&self, letter: &Letter) -> Result<Message, Unaddressable> {
        let to = letter.to.for_mail().parse().map_err(|_| Unaddressable)?;
        let purpose = letter.purpose;
        let (text, end) = (purpose.text(), purpose.end());
        let link = self.link(letter).map(|link| format!("{link}\n\n")).unwrap_or_default();
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(purpose.subject())
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{text}\n\n{link}{end}\n"))
            .map_err(|_| Unaddressable)
    }
}
