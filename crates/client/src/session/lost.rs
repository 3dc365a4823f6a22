//! What each way of having no socket means for the next attempt.

use super::LogInError;
use crate::socket::{Closed, ConnectError, RequestError, Verdict};

/// Why there is no socket, and what may be done about it.
pub(super) struct Lost {
    pub(super) why: String,
    pub(super) verdict: Verdict,
}

impl From<Closed> for Lost {
    fn from(closed: Closed) -> Self {
        Self { why: closed.to_string(), verdict: closed.verdict() }
    }
}

impl From<Option<Closed>> for Lost {
    fn from(closed: Option<Closed>) -> Self {
        closed.unwrap_or_else(|| Closed::broken("the connection ended")).into()
    }
}

impl From<RequestError> for Lost {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Closed(closed) => closed.into(),
            error => Self { why: error.to_string(), verdict: Verdict::Reconnect },
        }
    }
}

impl From<LogInError> for Lost {
    fn from(error: LogInError) -> Self {
        let verdict = match error {
            LogInError::Refused(_) => Verdict::LogIn,
            LogInError::Unavailable(_) => Verdict::Reconnect,
        };
        Self { why: error.to_string(), verdict }
    }
}

impl From<ConnectError> for Lost {
    fn from(error: ConnectError) -> Self {
        let verdict = match error {
            ConnectError::Refused { status: 401 | 403, .. } => Verdict::LogIn,
            ConnectError::Refused { status: 408 | 425 | 429, .. } => Verdict::ReconnectLater,
            ConnectError::Refused { status: 400..=499, .. } | ConnectError::Unusable(_) => Verdict::GiveUp,
            _ => Verdict::Reconnect,
        };
        Self { why: error.to_string(), verdict }
    }
}
