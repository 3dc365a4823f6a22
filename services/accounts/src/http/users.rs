//! Other users, as far as anybody may see them.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;

use super::Api;
use super::answers::{ErrorBody, PublicUser, UserList, UserPage};
use super::caller::Caller;
use super::error::Refusal;
use super::query::{PathId, Query};
use super::requests::{ListQuery, SearchQuery};
use crate::domain::{At as _, Error, Page, SearchLimit, SearchText, User};

/// A user who may look others up now. A look-up counts whether it finds anybody or not.
pub(super) struct Looking;

impl FromRequestParts<Api> for Looking {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Caller(caller) = Caller::from_request_parts(parts, api).await?;
        api.accounts.admit_look_up(&caller.bearer).await?;
        Ok(Self)
    }
}

/// A page of all users by id.
#[utoipa::path(
    get, path = "/users/list", tag = "users", security(("bearer" = [])), params(ListQuery),
    responses(
        (status = 200, description = "A page, empty past the end", body = UserPage),
        (status = 400, description = "Out of range", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 414, description = "The address is too long", body = ErrorBody),
        (status = 429, description = "Too many look-ups: come back after `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    _: Looking,
    Query(query): Query<ListQuery>,
) -> Result<Json<UserPage>, Refusal> {
    let page = Page::parse(query.limit, query.page)?;
    let (users, has_more) = api.accounts.list_users(page).await?;
    Ok(Json(UserPage { data: public(users), page: page.number(), limit: page.limit(), has_more }))
}

/// Users by the start of a name, or by a whole e-mail.
#[utoipa::path(
    get, path = "/users/search", tag = "users", security(("bearer" = [])), params(SearchQuery),
    responses(
        (status = 200, description = "Users by name", body = UserList),
        (status = 400, description = "Blank, too long or out of range", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 414, description = "The address is too long", body = ErrorBody),
        (status = 429, description = "Too many look-ups: come back after `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn search(
    State(api): State<Api>,
    _: Looking,
    Query(query): Query<SearchQuery>,
) -> Result<Json<UserList>, Refusal> {
    let text = SearchText::parse(&query.search_text).at("searchText");
    let limit = SearchLimit::parse(query.limit).at("limit");
    let (text, limit) = match (text, limit) {
        (Ok(text), Ok(limit)) => (text, limit),
        (text, limit) => return Err(Error::invalid([text.err(), limit.err()]).into()),
    };
    let users = api.accounts.search_users(&text, limit).await?;
    Ok(Json(UserList { data: public(users) }))
}

/// One user.
#[utoipa::path(
    get, path = "/users/{id}", tag = "users", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Integer id", minimum = 1)),
    responses(
        (status = 200, description = "The user", body = PublicUser),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 404, description = "No such user, or removed", body = ErrorBody),
        (status = 429, description = "Too many look-ups: come back after `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn by_id(
    State(api): State<Api>,
    _: Looking,
    PathId(id): PathId,
) -> Result<Json<PublicUser>, Refusal> {
    Ok(Json(api.accounts.user(id).await?.into()))
}

fn public(users: Vec<User>) -> Vec<PublicUser> {
    users.into_iter().map(PublicUser::from).collect()
}
