//! What each way of having no socket means for the next attempt.

use std::time::Duration;

use super::{Backoff, LogInError, Stopped};
use crate::socket::{Closed, ConnectError, RequestError, Verdict};

/// Why there is no socket, and what may be done about it.
pub(crate) struct Lost {
    pub(crate) why: String,
    pub(super) verdict: Verdict,
}

impl Lost {
    /// The peer does not keep to the contract.
    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self { why: why.into(), verdict: Verdict::Reconnect }
    }

    /// How long to wait before the next attempt, or that waiting is of no use.
    pub(crate) fn judge(
        &self,
        backoff: &mut Backoff,
        attempts: u32,
        is_fresh: bool,
        random: u64,
    ) -> Result<Duration, Stopped> {
        if backoff.failures() >= attempts {
            return Err(Stopped::GaveUp(self.why.clone()));
        }
        match self.verdict {
            Verdict::Reconnect => Ok(backoff.next(random)),
            Verdict::ReconnectLater => Ok(backoff.late(random)),
            // The end of a token's life is no verdict on the log-in: the next attempt logs in again.
            Verdict::LogIn if !is_fresh => Ok(backoff.next(random)),
            Verdict::LogIn => Err(Stopped::LogIn(self.why.clone())),
            Verdict::GiveUp => Err(Stopped::GaveUp(self.why.clone())),
        }
    }
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
