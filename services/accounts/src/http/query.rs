//! Query parameters and ids in paths. Unknown parameters are ignored, repeated ones refused.

use axum::extract::{FromRequestParts, Path, Query as Pairs};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Api;
use super::error::Refusal;
use super::fields::Fields;
use crate::domain::{At as _, Error, RuleError, UserId};

/// The query of a request.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let pairs = Pairs::<Vec<(String, String)>>::from_request_parts(parts, api).await;
        let Pairs(pairs) = pairs.map_err(|_| Refusal::malformed("The query cannot be read"))?;
        Ok(Self(Fields::from_texts(pairs).read().map_err(Error::from)?))
    }
}

/// The user that the path names.
pub(super) struct PathId(pub(super) UserId);

impl FromRequestParts<Api> for PathId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let id = match Path::<String>::from_request_parts(parts, api).await {
            Ok(Path(text)) => UserId::parse(&text),
            Err(_) => Err(RuleError::from("must be a positive integer")),
        };
        Ok(Self(id.at("id").map_err(Error::from)?))
    }
}
