//! Errors as gRPC statuses: one match, nothing of the cause sent.

use tonic::{Code, Status};

use crate::domain::{Error, FieldError};

/// The status of an error. What went wrong on our side is logged here, once.
pub(super) fn status(error: Error) -> Status {
    let message = match &error {
        Error::Invalid(faults) => faults.iter().map(described).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    let code = match error {
        Error::Invalid(_) => Code::InvalidArgument,
        Error::EmailTaken => Code::AlreadyExists,
        Error::WrongCredentials
        | Error::WrongOldPassword
        | Error::AccountLocked
        | Error::ReauthenticationRequired => Code::PermissionDenied,
        Error::Unauthorized => Code::Unauthenticated,
        Error::EmailNotVerified | Error::BadToken | Error::MailOff => Code::FailedPrecondition,
        Error::UnknownUser | Error::UnknownSession => Code::NotFound,
        Error::Busy | Error::TooManyAttempts(_) => Code::ResourceExhausted,
        Error::Unavailable(cause) => {
            tracing::error!(error = ?cause, "call failed");
            Code::Unavailable
        }
        Error::Internal(cause) => {
            tracing::error!(error = ?cause, "call failed");
            Code::Internal
        }
    };
    Status::new(code, message)
}

fn described(fault: &FieldError) -> String {
    format!("{} {}", fault.path, fault.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stay_here() {
        let status = status(Error::Unavailable("password=hunter2 host=db".into()));
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "temporarily unavailable"));
    }

    #[test]
    fn invalid_fields_are_named() {
        let fault = FieldError { path: "ids".into(), message: "must be at most 500".into() };
        let status = status(Error::from(fault));
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "ids must be at most 500"));
    }
}
