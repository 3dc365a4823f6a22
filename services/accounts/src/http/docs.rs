//! The OpenAPI document and the Swagger UI that shows it, both from inside the binary.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_swagger_ui::Config;

use super::Api;
use super::answers::ErrorBody;
use super::error::Refusal;
use crate::domain::Error;

/// Where the document is served; the UI reads it from there.
const DOCUMENT: &str = "/api/openapi.json";
/// The UI loads its own files and talks to this origin, to nobody else.
const UI_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     frame-ancestors 'none'",
);
/// The files change with the binary only.
const UI_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Messenger accounts", description = "Users, log-in and look-ups. Chats go over the WebSocket of the \
        gateways on the same origin; send the token of `/auth/login` in its handshake."),
    tags(
        (name = "auth", description = "Sign-up, and log-ins from their beginning to their end"),
        (name = "profile", description = "One's own account"),
        (name = "users", description = "Other users"),
        (name = "keys", description = "Keys that verify tokens"),
    ),
    components(schemas(ErrorBody)),
    modifiers(&Bearer),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document without its paths, which the routes add.
pub(super) fn document() -> OpenApi {
    Document::openapi()
}

/// The routes that show `document`.
pub(super) fn router(document: &OpenApi) -> Result<Router<Api>, serde_json::Error> {
    let json: Arc<str> = document.to_json()?.into();
    let config = Arc::new(Config::from(DOCUMENT));
    let index = Arc::clone(&config);
    Ok(Router::new()
        .route(DOCUMENT, get(async move || ([(header::CONTENT_TYPE, "application/json")], json.to_string())))
        .route("/api", get(async || Redirect::permanent("/api/")))
        .route("/api/", get(async move || file("index.html", index)))
        .route("/api/{*file}", get(async move |Path(name): Path<String>| file(&name, config))))
}

fn file(name: &str, config: Arc<Config<'static>>) -> Response {
    let file = match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(file)) => file,
        Ok(None) => return Refusal::no_route().into_response(),
        Err(error) => return Refusal::from(Error::Internal(error.to_string().into())).into_response(),
    };
    let mut response = file.bytes.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, UI_POLICY);
    headers.insert(header::CACHE_CONTROL, UI_CACHE);
    let charset = if file.content_type.starts_with("text/") { "; charset=utf-8" } else { "" };
    if let Ok(media_type) = HeaderValue::try_from(format!("{}{charset}", file.content_type)) {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    if file.gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
