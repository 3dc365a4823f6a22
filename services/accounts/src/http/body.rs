//! JSON bodies, bounded in size and time.

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::Api;
use super::error::Refusal;
use super::fields::Fields;
use crate::domain::Error;

/// The body of a request, read as a flat JSON object.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        if !is_plain_json(request.headers()) {
            return Err(Refusal::not_json());
        }
        if request.body().size_hint().lower() > api.limits.body_bytes as u64 {
            return Err(Refusal::large_body(api.limits.body_bytes));
        }
        let bytes = tokio::time::timeout(api.limits.body_timeout, Bytes::from_request(request, &()));
        let bytes = bytes.await.map_err(|_| Refusal::slow_body())?.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal::large_body(api.limits.body_bytes)
            } else {
                Refusal::broken_body()
            }
        })?;
        parse(&bytes).map(Self)
    }
}

/// As [`Body`], for a request that may do without: neither bytes nor a media type.
pub(super) struct OptionalBody<T>(pub(super) Option<T>);

impl<T: DeserializeOwned> FromRequest<Api> for OptionalBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        if request.body().is_end_stream() && !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(Self(None));
        }
        let Body(body) = Body::from_request(request, api).await?;
        Ok(Self(Some(body)))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let fields: Fields = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Refusal::malformed("The body must be a JSON object"),
        Category::Io | Category::Syntax | Category::Eof => Refusal::malformed("The body is not valid JSON"),
    })?;
    Ok(fields.read().map_err(Error::from)?)
}

fn is_plain_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let media_type = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    let encoded = text(header::CONTENT_ENCODING).is_some_and(|value| !value.eq_ignore_ascii_case("identity"));
    media_type.trim().eq_ignore_ascii_case("application/json") && !encoded
}
