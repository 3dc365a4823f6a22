//! Sign-up and log-in.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};

use super::Api;
use super::answers::{ErrorBody, LogInAnswer, SignedUp};
use super::body::Body;
use super::error::Refusal;
use super::requests::{LogIn, SignUp};
use crate::domain::UserAgent;

/// Creates a user.
#[utoipa::path(
    post, path = "/auth/sign-up", tag = "auth", request_body = SignUp,
    responses(
        (status = 201, description = "The user exists now", body = SignedUp),
        (status = 400, description = "`User with this email already exists`, or invalid fields", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn sign_up(
    State(api): State<Api>,
    Body(body): Body<SignUp>,
) -> Result<(StatusCode, Json<SignedUp>), Refusal> {
    let (user, password) = body.parse(&api.accounts.policy)?;
    let id = api.accounts.sign_up(user, password).await?;
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
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn sing_up(
    state: State<Api>,
    body: Body<SignUp>,
) -> Result<(StatusCode, Json<SignedUp>), Refusal> {
    sign_up(state, body).await
}

/// Exchanges e-mail and password for a token.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", request_body = LogIn,
    responses(
        (status = 201, description = "Logged in", body = LogInAnswer),
        (status = 400, description = "Invalid fields", body = ErrorBody),
        (status = 404, description = "`No such user exists or wrong password`", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn log_in(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(body): Body<LogIn>,
) -> Result<(StatusCode, Json<LogInAnswer>), Refusal> {
    let (email, password) = body.parse()?;
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| UserAgent::parse(value.to_str().ok()?));
    let logged_in = api.accounts.log_in(&email, password, user_agent).await?;
    Ok((StatusCode::CREATED, Json(logged_in.into())))
}
