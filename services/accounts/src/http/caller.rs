//! Who sent the request: the bearer of a valid token, read again from the store.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::Api;
use super::error::Refusal;
use crate::domain::Error;
use crate::usecase::Authenticated;

/// The user on whose behalf a request comes.
pub(super) struct Caller(pub(super) Authenticated);

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let token = token(parts).ok_or(Error::Unauthorized)?;
        Ok(Self(api.accounts.authenticate(token).await?))
    }
}

/// The token of the one `Authorization` header. A token in the query is never looked at: it would end in logs.
fn token(parts: &Parts) -> Option<&str> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
