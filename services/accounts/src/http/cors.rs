//! Which pages of other hosts may read the answers. Nothing is authorised by a cookie, so none may bring credentials.

use std::time::Duration;

use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use messenger_chassis::origins::Origins;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser may remember what it may ask for.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Answers browsers that ask first. A page that is not listed gets no word of permission, and its browser keeps the answer
/// from it.
pub(super) fn layer(origins: &Origins) -> Option<CorsLayer> {
    let listed = origins.listed();
    (!listed.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(listed))
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE])
            .expose_headers([RETRY_AFTER, HeaderName::from_static("x-request-id")])
            .max_age(REMEMBERED)
    })
}
