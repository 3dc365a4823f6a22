//! Why a call has no answer.

use super::FieldError;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The service said no.
    #[error("{message}{}", listed(.errors))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Machine-readable kind of failure, where the service adds it.
        code: Option<String>,
        /// One sentence for a person.
        message: String,
        /// What is wrong with which field of the body.
        errors: Vec<FieldError>,
        /// Seconds after which the same call may succeed, from `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The service could not be reached, or broke off.
    #[error("cannot reach the accounts service: {0}")]
    Unreachable(#[source] reqwest::Error),
    /// An answer that the contract does not allow.
    #[error("unexpected answer with HTTP {status}: {problem}")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        problem: String,
    },
    /// The base address is not an HTTP address.
    #[error("not an http:// or https:// address: {0}")]
    Address(String),
}

impl RestError {
    /// HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Unexpected { status, .. } => Some(*status),
            Self::Unreachable(_) | Self::Address(_) => None,
        }
    }
}

fn listed(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("; {}: {}", error.path, error.message)).collect()
}
