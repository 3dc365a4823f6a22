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

impl StoreError {
    /// What an answer has too few or too many of, or says in a way that the code does not know.
    pub(super) fn of_answer() -> Self {
        tracing::error!("the database has answered what nobody understands");
        Self::Internal
    }

    /// The class of what a statement ended with.
    pub(super) fn of_statement(error: &tokio_postgres::Error) -> Self {
        let code = error.code().map_or("none", SqlState::code);
        metrics::counter!("gateway_statement_failures_total", "sqlstate" => code.to_owned()).increment(1);
        // A plan that a migration beside us has made obsolete; it goes with the connection.
        if is_temporary(error) || error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) {
            tracing::warn!(%error, code, "the database did not do it");
            return Self::Unavailable;
        }
        match error.code() {
            Some(state) if matches!(&state.code()[..2], "22" | "23") => Self::Data(state.clone()),
            _ => {
                tracing::error!(%error, code, "statement failed");
                Self::Internal
            }
        }
    }
}

/// A row that is not of the shape that the code expects.
impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        tracing::error!(%error, "unexpected row");
        Self::Internal
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::of_statement(&error),
            error => {
                tracing::warn!(%error, "no connection to the database");
                Self::Unavailable
            }
        }
    }
}
