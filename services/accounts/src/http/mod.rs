//! The REST surface: paths, bodies and statuses of the documented system, as axum routes with their OpenAPI document.
//!
//! Knows the use cases and the domain, neither SQL nor keys. Whatever goes wrong, the answer is JSON of one form
//! ([`ErrorBody`]), and nothing of the cause is in it.

mod address;
mod answers;
mod body;
mod caller;
mod cors;
mod docs;
mod envelope;
mod error;
mod fields;
mod letters;
mod profile;
mod query;
mod requests;
mod sessions;
mod users;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::{Router, middleware};
use messenger_chassis::http::trace;
use messenger_chassis::origins::Origins;
use messenger_chassis::proxies::Proxies;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use answers::ErrorBody;

use crate::crypto::JWKS_MAX_AGE;
use crate::usecase::Accounts;

/// What a request may take from us.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Time for a whole body to arrive.
    pub body_timeout: Duration,
}

/// What the handlers share.
#[derive(Debug, Clone)]
struct Api {
    accounts: Accounts,
    limits: RequestLimits,
    proxies: Arc<Proxies>,
}

/// All routes of the public listener. A client behind one of `proxies` is known by the address that they tell.
///
/// # Errors
/// The OpenAPI document cannot be written as JSON.
pub fn router(
    accounts: Accounts,
    limits: RequestLimits,
    proxies: Proxies,
    cors: &Origins,
) -> Result<Router, serde_json::Error> {
    let (router, document) = routes().split_for_parts();
    let router = router
        .merge(docs::router(&document)?)
        .with_state(Api { accounts, limits, proxies: Arc::new(proxies) })
        .fallback(async || error::Refusal::no_route())
        .method_not_allowed_fallback(async || error::Refusal::wrong_method())
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(CatchPanicLayer::custom(error::panicked));
    let router = match cors::layer(cors) {
        Some(layer) => router.layer(layer),
        None => router,
    };
    Ok(router.layer(middleware::from_fn(envelope::seal)).layer(middleware::from_fn(trace)))
}

/// The OpenAPI document, as pretty JSON.
///
/// # Errors
/// The document cannot be written as JSON.
pub fn openapi() -> Result<String, serde_json::Error> {
    routes().into_openapi().to_pretty_json()
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(docs::document())
        .routes(routes!(sessions::sign_up))
        .routes(routes!(sessions::sing_up))
        .routes(routes!(sessions::log_in))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::log_out))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::revoke))
        .routes(routes!(letters::forgot_password))
        .routes(routes!(letters::reset_password))
        .routes(routes!(letters::verify_email))
        .routes(routes!(profile::read))
        .routes(routes!(profile::update))
        .routes(routes!(profile::change_password))
        .routes(routes!(profile::destroy))
        .routes(routes!(users::list))
        .routes(routes!(users::search))
        .routes(routes!(users::by_id))
        .routes(routes!(jwks))
}

/// Public keys that verify access tokens.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys",
    responses((status = 200, description = "JSON Web Key Set (RFC 7517), newest key first", body = answers::Jwks)),
)]
async fn jwks(State(api): State<Api>) -> Result<impl IntoResponse, error::Refusal> {
    let cache = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::try_from(cache).unwrap_or(HeaderValue::from_static("no-store"))),
    ];
    Ok((headers, api.accounts.public_keys()?))
}
