//! What can go wrong with the log.

use deadpool_postgres::PoolError;
use messenger_chassis::postgres::is_temporary;
use tokio_postgres::error::SqlState;

/// A call to the store failed. The cause is logged here, once; above only its class counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No connection, no answer in time, or the server is starting, stopping or out of something. Nothing or
    /// everything may have happened; the same call may succeed later.
    #[error("the database is not available")]
    Unavailable,
    /// The data makes the statement impossible (SQLSTATE classes 22 and 23).
    #[error("the database refused the data ({})", .0.code())]
    Data(SqlState),
    /// A fault of ours.
    #[error("the statement failed")]
    Internal,
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_temporary(&error) {
            return Self::Unavailable;
        }
        match error.code() {
            Some(state) if matches!(&state.code()[..2], "22" | "23") => Self::Data(state.clone()),
            _ => {
                tracing::error!(%error, code = error.code().map(SqlState::code), "statement failed");
                Self::Internal
            }
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            _ => Self::Unavailable,
        }
    }
}
