//! Errors as answers: one form, one place where a domain error gets its status.

use std::any::Any;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answers::{ErrorBody, FieldFault};
use crate::domain::{Error, Source};

/// Seconds after which a client may try again when we are busy or something is down.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An answer that is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: ErrorBody,
    /// When the same request may be sent again.
    retry_after: Option<Duration>,
    cause: Option<Source>,
}

/// What went wrong on our side, on its way to the log. Rides on the response, is never sent.
#[derive(Debug, Clone)]
pub(super) struct Failure(pub(super) String);

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let body = ErrorBody { message: message.into(), code, errors: Vec::new() };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER);
        Self { status, body, retry_after, cause: None }
    }

    pub(super) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address")
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not know the method",
        )
    }

    pub(super) fn malformed(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    pub(super) fn not_json() -> Self {
        let message = "The body must be application/json, not compressed";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    pub(super) fn large_body(bytes_max: usize) -> Self {
        let message = format!("The body must be at most {bytes_max} bytes long");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(super) fn slow_body() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body did not arrive in time")
    }

    pub(super) fn broken_body() -> Self {
        Self::malformed("The body cannot be read")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = error.code();
        let (status, message) = match &error {
            Error::Invalid(_) => (StatusCode::BAD_REQUEST, "Invalid request"),
            Error::EmailTaken => (StatusCode::BAD_REQUEST, "User with this email already exists"),
            Error::WrongCredentials => (StatusCode::NOT_FOUND, "No such user exists or wrong password"),
            Error::WrongOldPassword => (StatusCode::BAD_REQUEST, "The old password is wrong"),
            Error::AccountLocked => {
                (StatusCode::FORBIDDEN, "This account is locked: ask those who run this server")
            }
            Error::EmailNotVerified => {
                (StatusCode::FORBIDDEN, "Confirm your e-mail first: a letter is on its way")
            }
            Error::BadToken => {
                (StatusCode::BAD_REQUEST, "The link is used, outdated or wrong: ask for a new one")
            }
            Error::MailOff => (StatusCode::NOT_FOUND, "This server sends no mail"),
            Error::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Error::UnknownUser => (StatusCode::NOT_FOUND, "There is no such user"),
            Error::UnknownSession => (StatusCode::NOT_FOUND, "There is no such session"),
            Error::ReauthenticationRequired => {
                (StatusCode::FORBIDDEN, "Log in again, or give your present password")
            }
            Error::TooManyAttempts(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "Too many attempts, try again later")
            }
            Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many requests at once, try again soon"),
            Error::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable, try again soon")
            }
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        };
        let mut refusal = Self::new(status, code, message);
        match error {
            Error::Invalid(faults) => {
                refusal.body.errors = faults.into_iter().map(FieldFault::from).collect();
                if let [fault] = refusal.body.errors.as_slice() {
                    refusal.body.message = format!("Invalid request: {fault}");
                }
            }
            Error::TooManyAttempts(wait) => refusal.retry_after = Some(wait),
            Error::Unavailable(cause) | Error::Internal(cause) => refusal.cause = Some(cause),
            _ => {}
        }
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // The rest of the body is not read, so the connection ends: said, lest a request that follows be lost.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Failure(with_sources(cause.as_ref())));
        }
        response
    }
}

/// Rounded up: whoever comes back after them does not come too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The answer after a panic in a handler.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&str>().map_or_else(|_| String::new(), |text| (*text).to_owned()),
    };
    Refusal::from(Error::Internal(format!("panic: {text}").into())).into_response()
}

/// An error with everything beneath it, in one line.
fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|cause| cause.to_string()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tower_http::catch_panic::ResponseForPanic as _;

    use super::*;

    async fn parts(mut response: Response) -> (StatusCode, String, Option<String>) {
        let failure = response.extensions_mut().remove::<Failure>().map(|Failure(text)| text);
        let body = axum::body::to_bytes(std::mem::take(response.body_mut()), 4_096).await.unwrap();
        (response.status(), String::from_utf8(body.to_vec()).unwrap(), failure)
    }

    #[tokio::test]
    async fn a_panic_is_logged_and_not_told() {
        let told = "{\"message\":\"Internal error\",\"code\":\"internal\"}";
        let panics: [Box<dyn Any + Send>; 2] = [Box::new("bad index"), Box::new("bad index".to_owned())];
        for panic in panics {
            let (status, body, failure) =
                parts(panicked.response_for_panic(panic).map(axum::body::Body::new)).await;
            assert_eq!((status, body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, told));
            assert_eq!(failure.as_deref(), Some("panic: bad index"));
        }
    }

    #[test]
    fn whoever_has_to_wait_is_told_for_how_long() {
        let check = |error: Error, told: Option<&str>| {
            let response = Refusal::from(error).into_response();
            let header = response.headers().get(header::RETRY_AFTER);
            assert_eq!(header.map(|header| header.to_str().unwrap()), told, "{}", response.status());
        };
        check(Error::TooManyAttempts(Duration::from_millis(1)), Some("1"));
        check(Error::TooManyAttempts(Duration::from_secs(900)), Some("900"));
        check(Error::TooManyAttempts(Duration::from_millis(31_001)), Some("32"));
        check(Error::Busy, Some("1"));
        check(Error::Unauthorized, None);
    }

    #[tokio::test]
    async fn a_cause_is_logged_with_its_sources_and_not_told() {
        #[derive(Debug, thiserror::Error)]
        #[error("statement failed")]
        struct Outer(#[source] Arc<std::io::Error>);
        let cause = Outer(Arc::new(std::io::Error::other("relation users")));
        let (status, body, failure) =
            parts(Refusal::from(Error::Unavailable(cause.into())).into_response()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!body.contains("relation") && !body.contains("statement"), "{body}");
        assert_eq!(failure.as_deref(), Some("statement failed: relation users"));
    }
}
