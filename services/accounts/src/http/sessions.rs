//! Sign-up, and log-ins from their beginning to their end.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use uuid::Uuid;

use super::Api;
use super::address::ClientAddress;
use super::answers::{DeviceList, ErrorBody, LogInAnswer, SignedUp};
use super::body::Body;
use super::caller::Caller;
use super::error::Refusal;
use super::requests::{LogIn, Refresh, SignUp};
use crate::domain::{Error, UserAgent};
use crate::usecase::Client;

/// Creates a user.
#[utoipa::path(
    post, path = "/auth/sign-up", tag = "auth", request_body = SignUp,
    responses(
        (status = 201, description = "The user exists now", body = SignedUp),
        (status = 400, description = "`User with this email already exists`, or invalid fields", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn sign_up(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<SignUp>,
) -> Result<(StatusCode, Json<SignedUp>), Refusal> {
    let (user, password) = body.parse(&api.accounts.policy)?;
    let id = api.accounts.sign_up(user, password, address).await?;
    Ok((StatusCode::CREATED, Json(SignedUp { message: "User created", id: id.get() })))
}

/// Creates a user: another spelling of `/auth/sign-up`, which clients of the documented system use.
#[utoipa::path(
    post, path = "/auth/sing-up", tag = "auth", request_body = SignUp,
    responses(
        (status = 201, description = "The user exists now", body = SignedUp),
        (status = 400, description = "`User with this email already exists`, or invalid fields", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn sing_up(
    state: State<Api>,
    address: ClientAddress,
    body: Body<SignUp>,
) -> Result<(StatusCode, Json<SignedUp>), Refusal> {
    sign_up(state, address, body).await
}

/// Exchanges e-mail and password for tokens.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", request_body = LogIn,
    responses(
        (status = 201, description = "Logged in", body = LogInAnswer),
        (status = 400, description = "Invalid fields", body = ErrorBody),
        (status = 403, description = "The e-mail is not verified yet, and a letter is on its way; or the account is locked", body = ErrorBody),
        (status = 404, description = "`No such user exists or wrong password`", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn log_in(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Body(body): Body<LogIn>,
) -> Result<(StatusCode, Json<LogInAnswer>), Refusal> {
    let (email, password) = body.parse()?;
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| UserAgent::parse(value.to_str().ok()?));
    let logged_in = api.accounts.log_in(&email, password, Client { address, user_agent }).await?;
    Ok((StatusCode::CREATED, Json(logged_in.into())))
}

/// Exchanges the latest refresh token for new tokens of the same log-in. Each refresh token is good once; for a few
/// seconds it gets the same answer again, in case that was lost. Later the log-in ends, because somebody has a copy.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", request_body = Refresh,
    responses(
        (status = 201, description = "Refreshed", body = LogInAnswer),
        (status = 400, description = "Invalid fields", body = ErrorBody),
        (status = 401, description = "Not a refresh token, spent, or its log-in has ended", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
        (status = 503, description = "Temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<Refresh>,
) -> Result<(StatusCode, Json<LogInAnswer>), Refusal> {
    let refreshed = api.accounts.refresh(&body.refresh_token, address).await?;
    Ok((StatusCode::CREATED, Json(refreshed.into())))
}

/// Ends one's log-in: its tokens are void.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 204, description = "Logged out"),
        (status = 401, description = "No valid token", body = ErrorBody),
    ),
)]
pub(super) async fn log_out(State(api): State<Api>, Caller(caller): Caller) -> Result<StatusCode, Refusal> {
    api.accounts.log_out(&caller.bearer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's own log-ins.
#[utoipa::path(
    get, path = "/auth/sessions", tag = "auth", security(("bearer" = [])),
    responses(
        (status = 200, description = "The log-ins, newest first", body = DeviceList),
        (status = 401, description = "No valid token", body = ErrorBody),
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
) -> Result<Json<DeviceList>, Refusal> {
    let devices = api.accounts.devices(&caller.bearer).await?;
    Ok(Json(DeviceList::new(devices, caller.bearer.session_id)))
}

/// Ends one of one's own log-ins: its tokens are void.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = "auth", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the log-in")),
    responses(
        (status = 204, description = "Ended"),
        (status = 401, description = "No valid token", body = ErrorBody),
        (status = 404, description = "None of one's own log-ins", body = ErrorBody),
    ),
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    Caller(caller): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    // What is no id names no log-in.
    let id = id.ok().and_then(|Path(id)| Uuid::try_parse(&id).ok()).ok_or(Error::UnknownSession)?;
    api.accounts.revoke(&caller.bearer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
