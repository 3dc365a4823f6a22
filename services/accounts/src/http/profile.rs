//! One's own account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Api;
use super::answers::{Done, ErrorBody, OwnProfile};
use super::body::{Body, OptionalBody};
use super::caller::Caller;
use super::error::Refusal;
use super::requests::{NewPassword, ProfileUpdate, Removal};

/// One's own data.
#[utoipa::path(
    get, path = "/profile", tag = "profile", security(("bearer" = [])),
    responses(
        (status = 200, description = "The bearer", body = OwnProfile),
        (status = 401, description = "No valid token", body = ErrorBody),
    ),
)]
pub(super) async fn read(Caller(caller): Caller) -> Json<OwnProfile> {
    Json(caller.user.into())
}

/// Changes names or e-mail. The e-mail only within 15 minutes of the log-in, or with the present password; where e-mails
/// are verified, a new one counts once the letter to it was answered.
#[utoipa::path(
    patch, path = "/profile/update", tag = "profile", security(("bearer" = [])), request_body = ProfileUpdate,
    responses(
        (status = 201, description = "Changed", body = Done),
        (status = 400, description = "`User with this email already exists`, or invalid fields", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 403, description = "The present password is needed, or wrong", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn update(
    State(api): State<Api>,
    Caller(caller): Caller,
    Body(body): Body<ProfileUpdate>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    let (change, password) = body.parse()?;
    api.accounts.change_profile(&caller, change, password).await?;
    Ok((StatusCode::CREATED, Json(Done { message: "Profile updated" })))
}

/// Changes the password. All other sessions end.
#[utoipa::path(
    patch, path = "/profile/change-password", tag = "profile", security(("bearer" = [])), request_body = NewPassword,
    responses(
        (status = 201, description = "Changed", body = Done),
        (status = 400, description = "The old password is wrong, or invalid fields", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn change_password(
    State(api): State<Api>,
    Caller(caller): Caller,
    Body(body): Body<NewPassword>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    let change = body.parse(&api.accounts.policy, &caller.user.profile)?;
    api.accounts.change_password(&caller.bearer, change).await?;
    Ok((StatusCode::CREATED, Json(Done { message: "Password changed" })))
}

/// Removes the account, within 15 minutes of the log-in, or with the present password. Personal data are wiped; what the
/// user wrote stays with those he wrote to.
#[utoipa::path(
    delete, path = "/profile/destroy", tag = "profile", security(("bearer" = [])), request_body = Option<Removal>,
    responses(
        (status = 200, description = "Removed", body = Done),
        (status = 400, description = "Invalid fields", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 403, description = "The present password is needed, or wrong", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn destroy(
    State(api): State<Api>,
    Caller(caller): Caller,
    OptionalBody(body): OptionalBody<Removal>,
) -> Result<Json<Done>, Refusal> {
    let password = body.map(|body| body.parse()).transpose()?.flatten();
    api.accounts.remove(&caller, password).await?;
    Ok(Json(Done { message: "Profile deleted" }))
}
