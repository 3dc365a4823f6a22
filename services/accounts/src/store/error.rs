//! What PostgreSQL may answer, as the domain sees it.

use deadpool_postgres::PoolError;
use messenger_chassis::postgres::{is_temporary, violated_constraint};

use crate::domain::Error;

/// The constraint that keeps e-mails unique; its name is part of the migration.
const EMAIL_CONSTRAINT: &str = "users_email_key";

/// Why a store method failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("no database connection")]
    Pool(#[from] PoolError),
    #[error("statement failed")]
    Statement(#[from] tokio_postgres::Error),
    /// By an account that is stored under another form of the same e-mail.
    #[error("the e-mail is taken")]
    EmailTaken,
    /// The schema lets through what the code does not understand.
    #[error("inconsistent row: {0}")]
    Inconsistent(&'static str),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Statement(cause) if violated_constraint(&cause) == Some(EMAIL_CONSTRAINT) => {
                Self::EmailTaken
            }
            StoreError::EmailTaken => Self::EmailTaken,
            StoreError::Statement(cause) if !is_temporary(&cause) => {
                Self::Internal(StoreError::Statement(cause).into())
            }
            StoreError::Pool(PoolError::Backend(cause)) if !is_temporary(&cause) => {
                Self::Internal(StoreError::Statement(cause).into())
            }
            StoreError::Inconsistent(what) => Self::Internal(StoreError::Inconsistent(what).into()),
            other => Self::Unavailable(other.into()),
        }
    }
}
