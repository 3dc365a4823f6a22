//! What letters are asked for by, and what they bring.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Api;
use super::address::ClientAddress;
use super::answers::{Done, ErrorBody};
use super::body::Body;
use super::error::Refusal;
use super::requests::{ForgottenPassword, LetterToken, PasswordReset};

/// Asks for a letter with which a forgotten password is replaced. The answer is the same whether anybody has the e-mail.
#[utoipa::path(
    post, path = "/auth/forgot-password", tag = "auth", request_body = ForgottenPassword,
    responses(
        (status = 202, description = "A letter is on its way, if anybody has this e-mail", body = Done),
        (status = 400, description = "Invalid fields", body = ErrorBody),
        (status = 404, description = "This server sends no mail", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 429, description = "Too many attempts: come back after `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn forgot_password(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<ForgottenPassword>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    api.accounts.forgot_password(body.parse()?, address).await?;
    let message = "If there is an account with this e-mail, a letter is on its way";
    Ok((StatusCode::ACCEPTED, Json(Done { message })))
}

/// Replaces a forgotten password by the token of a letter, once and within half an hour. All sessions end.
#[utoipa::path(
    post, path = "/auth/reset-password", tag = "auth", request_body = PasswordReset,
    responses(
        (status = 201, description = "Changed", body = Done),
        (status = 400, description = "The token is used, outdated or wrong, or invalid fields", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 503, description = "Too busy, or temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn reset_password(
    State(api): State<Api>,
    Body(body): Body<PasswordReset>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    api.accounts.reset_password(&body.token, &body.new_password).await?;
    Ok((StatusCode::CREATED, Json(Done { message: "Password changed" })))
}

/// Shows by the token of a letter, once and within a day, that its reader has the e-mail.
#[utoipa::path(
    post, path = "/auth/verify-email", tag = "auth", request_body = LetterToken,
    responses(
        (status = 201, description = "Verified", body = Done),
        (status = 400, description = "The token is used, outdated or wrong, or invalid fields", body = ErrorBody),
        (status = 413, description = "Body too large", body = ErrorBody),
        (status = 415, description = "Body not JSON", body = ErrorBody),
        (status = 503, description = "Temporarily unavailable: try again", body = ErrorBody),
    ),
)]
pub(super) async fn verify_email(
    State(api): State<Api>,
    Body(body): Body<LetterToken>,
) -> Result<(StatusCode, Json<Done>), Refusal> {
    api.accounts.verify_email(&body.token).await?;
    Ok((StatusCode::CREATED, Json(Done { message: "E-mail verified" })))
}
