//! One's own account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Api;
use super::answers::{Done, ErrorBody, OwnProfile};
use super::body::Body;
use super::caller::Caller;
use super::error::Refusal;
use super::requests::{NewPassword, ProfileUpdate};

/// One's own data.
#[utoipa::path(
    get, path = "/profile", tag = "profile", security(("bearer" = [])),
    responses(
        (status = 200, description = "The bearer", body = OwnProfile),
        (status = 401, description = "No valid token", body = ErrorBody),
    ),
)]
pub(super) async fn read(caller: Caller) -> Json<OwnProfile> {
    Json(caller.user.into())
}

/// Changes names or e-mail.
#[utoipa::path(
    patch, path = "/profile/update", tag = "profile", security(("bearer" = [])), request_body = ProfileUpdate,
    responses(
        (status = 201, description = "Changed", body = Done),
        (status = 400, description = "`User with this email already exists`, or invalid fields", body = ErrorBody),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
    ),
)]
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<ProfileUpdate>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    api.accounts.change_profile(&caller.bearer, &body.parse()?).await?;
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
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn change_password(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<NewPassword>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    api.accounts.change_password(&caller.bearer, body.parse(&api.accounts.policy)?).await?;
    Ok((StatusCode::CREATED, Json(Done { message: "Password changed" })))
}

/// Removes the account. Personal data are wiped; what the user wrote stays with those he wrote to.
#[utoipa::path(
    delete, path = "/profile/destroy", tag = "profile", security(("bearer" = [])),
    responses(
        (status = 200, description = "Removed", body = Done),
        (status = 401, description = "No valid token", body = ErrorBody),
    ),
)]
pub(super) async fn destroy(State(api): State<Api>, caller: Caller) -> Result<Json<Done>, Refusal> {
    api.accounts.remove(&caller.bearer).await?;
    Ok(Json(Done { message: "Profile deleted" }))
}
