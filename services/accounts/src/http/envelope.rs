//! What every answer of ours has beside the headers of the listener: a request id, and a log line when it failed.

use axum::extract::{MatchedPath, Request};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

use super::error::Failure;

/// Ties an answer to the log lines about it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over from a client or proxy, bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Middleware around every route and fallback.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(Failure(error)) = response.extensions_mut().remove() {
        let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
        tracing::error!(%error, route, request_id = ?id, "request failed");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The caller's id when it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        let plain = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        plain && !bytes.is_empty() && bytes.len() <= REQUEST_ID_BYTES_MAX
    };
    let given = headers.get(REQUEST_ID).filter(harmless).cloned();
    given
        .or_else(|| HeaderValue::try_from(Uuid::new_v4().to_string()).ok())
        .unwrap_or(HeaderValue::from_static("-"))
}
