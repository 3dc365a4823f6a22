//! Everything that can go wrong in accounts, without a word of HTTP or gRPC.

use std::borrow::Cow;
use std::time::Duration;

/// The technical cause behind an error: logged where the error is handled, never sent to a client.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Some fields break a rule; all of them are named.
    #[error("invalid request")]
    Invalid(Vec<FieldError>),
    /// Another account has this e-mail.
    #[error("the e-mail is taken")]
    EmailTaken,
    /// Unknown e-mail or wrong password: deliberately one error for both.
    #[error("unknown e-mail or wrong password")]
    WrongCredentials,
    /// The old password given to change it is not the present one.
    #[error("the old password is wrong")]
    WrongOldPassword,
    /// The password is right, but an operator has locked the user out.
    #[error("the user is locked")]
    AccountLocked,
    /// The password is right, but the user has yet to show that the e-mail is his.
    #[error("the e-mail is not verified")]
    EmailNotVerified,
    /// A token from a letter that is unknown, used, replaced or too old.
    #[error("no such token")]
    BadToken,
    /// This deployment sends no mail.
    #[error("no mail is sent")]
    MailOff,
    /// No valid token, or its user or session is gone.
    #[error("unauthorized")]
    Unauthorized,
    /// There is no such user.
    #[error("no such user")]
    UnknownUser,
    /// The caller has no such log-in.
    #[error("no such session")]
    UnknownSession,
    /// The log-in is not recent, and the password was not given or is wrong.
    #[error("the password is needed again")]
    ReauthenticationRequired,
    /// Too many attempts: the next may come after so long.
    #[error("too many attempts")]
    TooManyAttempts(Duration),
    /// Too many passwords are being hashed already.
    #[error("too many passwords in work")]
    Busy,
    /// Something we depend on does not answer now; the same request may succeed later.
    #[error("temporarily unavailable")]
    Unavailable(#[source] Source),
    /// A defect on our side.
    #[error("internal error")]
    Internal(#[source] Source),
}

impl Error {
    /// The error that names every field that broke a rule.
    pub fn invalid(faults: impl IntoIterator<Item = Option<FieldError>>) -> Self {
        Self::Invalid(faults.into_iter().flatten().collect())
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::EmailTaken => "email_taken",
            Self::WrongCredentials => "wrong_credentials",
            Self::WrongOldPassword => "wrong_old_password",
            Self::AccountLocked => "account_locked",
            Self::EmailNotVerified => "email_not_verified",
            Self::BadToken => "invalid_token",
            Self::MailOff => "mail_off",
            Self::Unauthorized => "unauthorized",
            Self::UnknownUser | Self::UnknownSession => "not_found",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::TooManyAttempts(_) => "too_many_attempts",
            Self::Busy => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<FieldError> for Error {
    fn from(fault: FieldError) -> Self {
        Self::Invalid(vec![fault])
    }
}

/// One field of a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field as the client sent it.
    pub path: Cow<'static, str>,
    /// The rule, as a phrase that follows the name: "must not be blank".
    pub message: Cow<'static, str>,
}

/// A rule that a value breaks, not yet tied to a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(pub Cow<'static, str>);

impl From<&'static str> for RuleError {
    fn from(rule: &'static str) -> Self {
        Self(Cow::Borrowed(rule))
    }
}

/// Ties a broken rule to the field it was found in.
pub trait At<T> {
    /// # Errors
    /// The same rule with the field's name.
    fn at(self, path: &'static str) -> Result<T, FieldError>;
}

impl<T> At<T> for Result<T, RuleError> {
    fn at(self, path: &'static str) -> Result<T, FieldError> {
        self.map_err(|RuleError(message)| FieldError { path: Cow::Borrowed(path), message })
    }
}
