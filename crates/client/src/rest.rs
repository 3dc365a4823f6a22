//! REST of the accounts service: sign-up, log-in, profile, look-ups, public documents.
//!
//! One [`Accounts`] is one base address; tokens are arguments, so that one value serves any number of users.

mod error;
mod types;

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

pub use error::RestError;
pub use types::{
    Created, FieldError, Jwk, Jwks, LoggedIn, Message, NewUser, OwnSession, Profile, ProfileChange, User,
    UserPage,
};

/// Time for TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a whole call; a log-in may wait for its turn to hash.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a refresh, short enough to ask a third time while the service still gives the same answer (10 s).
const REFRESH_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The accounts service behind one base address. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Accounts {
    http: Client,
    base: Url,
}

impl Accounts {
    /// The service at `base`, such as `http://localhost:3000`.
    ///
    /// # Errors
    /// [`RestError::Address`] when it is not an HTTP address.
    pub fn new(base: &str) -> Result<Self, RestError> {
        let address = || RestError::Address(base.to_owned());
        let mut url = Url::parse(base).map_err(|_| address())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(address());
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        // Proxies are not looked up in the environment: the WebSocket beside this could not follow.
        let http = Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT);
        Ok(Self { http: http.build().map_err(RestError::Unreachable)?, base: url })
    }

    /// Makes a user: `POST /auth/sing-up` (the contract's spelling).
    ///
    /// # Errors
    /// [`RestError`], here and in all calls; 400 when the e-mail address is taken or a field is invalid.
    pub async fn sign_up(&self, user: &NewUser<'_>) -> Result<Created, RestError> {
        answer(self.post("auth/sing-up", user).await?, 201).await
    }

    /// Logs in: `POST /auth/login`.
    ///
    /// # Errors
    /// 404 when there is no such user or the password is wrong.
    pub async fn log_in(&self, email: &str, password: &SecretString) -> Result<LoggedIn, RestError> {
        let body = json!({ "email": email, "password": password.expose_secret() });
        answer(self.post("auth/login", &body).await?, 201).await
    }

    /// Renews a log-in: `POST /auth/refresh`. The refresh token is spent; the answer has the next one. Whoever got no answer
    /// asks again with the same token, at once.
    ///
    /// # Errors
    /// 401 when the log-in has ended.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<LoggedIn, RestError> {
        let body = json!({ "refreshToken": refresh_token.expose_secret() });
        let request = self.request(Method::POST, "auth/refresh", &[])?.timeout(REFRESH_TIMEOUT).json(&body);
        answer(sent(request).await?, 201).await
    }

    /// Ends the log-in: `POST /auth/logout`.
    ///
    /// # Errors
    /// 401 without a valid token.
    pub async fn log_out(&self, token: &str) -> Result<(), RestError> {
        nothing(sent(self.request(Method::POST, "auth/logout", &[])?.bearer_auth(token)).await?).await
    }

    /// One's own log-ins, newest first: `GET /auth/sessions`.
    ///
    /// # Errors
    /// 401 without a valid token.
    pub async fn sessions(&self, token: &str) -> Result<Vec<OwnSession>, RestError> {
        let found: types::Found<OwnSession> = self.get("auth/sessions", &[], Some(token)).await?;
        Ok(found.data)
    }

    /// Ends one of one's own log-ins: `DELETE /auth/sessions/{id}`.
    ///
    /// # Errors
    /// 404 when there is none, 401 without a valid token.
    pub async fn end_session(&self, token: &str, id: Uuid) -> Result<(), RestError> {
        let request = self.request(Method::DELETE, &format!("auth/sessions/{id}"), &[])?.bearer_auth(token);
        nothing(sent(request).await?).await
    }

    /// One's own data: `GET /profile`.
    ///
    /// # Errors
    /// 401 without a valid token.
    pub async fn profile(&self, token: &str) -> Result<Profile, RestError> {
        self.get("profile", &[], Some(token)).await
    }

    /// Changes names or e-mail address: `PATCH /profile/update`.
    ///
    /// # Errors
    /// 400 when the address is taken or a field is invalid, 401 without a valid token.
    pub async fn update_profile(
        &self,
        token: &str,
        change: &ProfileChange<'_>,
    ) -> Result<Message, RestError> {
        let request = self.request(Method::PATCH, "profile/update", &[])?.bearer_auth(token).json(change);
        answer(sent(request).await?, 201).await
    }

    /// Changes the password: `PATCH /profile/change-password`.
    ///
    /// # Errors
    /// 400 when the old one is wrong or the new one is refused, 401 without a valid token.
    pub async fn change_password(
        &self,
        token: &str,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<Message, RestError> {
        let (old, new) = (old.expose_secret(), new.expose_secret());
        let body = json!({ "oldPassword": old, "newPassword": new, "repeatNewPassword": new });
        let request =
            self.request(Method::PATCH, "profile/change-password", &[])?.bearer_auth(token).json(&body);
        answer(sent(request).await?, 201).await
    }

    /// Removes the user: `DELETE /profile/destroy`.
    ///
    /// # Errors
    /// 401 without a valid token.
    pub async fn destroy(&self, token: &str) -> Result<Message, RestError> {
        let request = self.request(Method::DELETE, "profile/destroy", &[])?.bearer_auth(token);
        answer(sent(request).await?, 200).await
    }

    /// A page of all users: `GET /users/list`. Pages count from 1.
    ///
    /// # Errors
    /// 400 for a page out of range, 401 without a valid token.
    pub async fn list_users(&self, token: &str, limit: u32, page: u32) -> Result<UserPage, RestError> {
        let query = [("limit", limit.to_string()), ("page", page.to_string())];
        self.get("users/list", &query, Some(token)).await
    }

    /// One user: `GET /users/{id}`.
    ///
    /// # Errors
    /// 404 when there is none, 401 without a valid token.
    pub async fn user(&self, token: &str, id: i64) -> Result<User, RestError> {
        self.get(&format!("users/{id}"), &[], Some(token)).await
    }

    /// Users whose name matches: `GET /users/search`.
    ///
    /// # Errors
    /// 400 for an unusable text or limit, 401 without a valid token.
    pub async fn search_users(&self, token: &str, text: &str, limit: u32) -> Result<Vec<User>, RestError> {
        let query = [("searchText", text.to_owned()), ("limit", limit.to_string())];
        let found: types::Found<User> = self.get("users/search", &query, Some(token)).await?;
        Ok(found.data)
    }

    /// Public keys of the tokens: `GET /.well-known/jwks.json`.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn jwks(&self) -> Result<Jwks, RestError> {
        self.get(".well-known/jwks.json", &[], None).await
    }

    /// The OpenAPI document: `GET /api/openapi.json`.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn openapi(&self) -> Result<Value, RestError> {
        self.get("api/openapi.json", &[], None).await
    }

    /// Any call, for bodies and paths the typed ones cannot express: status and body as they came.
    ///
    /// # Errors
    /// [`RestError::Unreachable`]; a refusal is an answer here.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<String>,
    ) -> Result<(u16, String), RestError> {
        let mut request = self.request(method, path.trim_start_matches('/'), &[])?;
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = sent(request).await?;
        let status = response.status().as_u16();
        let body = read(response).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        token: Option<&str>,
    ) -> Result<T, RestError> {
        let mut request = self.request(Method::GET, path, query)?;
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(sent(request).await?, 200).await
    }

    async fn post(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<Response, RestError> {
        sent(self.request(Method::POST, path, &[])?.json(body)).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, RestError> {
        let mut url = self.base.join(path).map_err(|_| RestError::Address(path.to_owned()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.http.request(method, url))
    }
}

async fn sent(request: RequestBuilder) -> Result<Response, RestError> {
    request.send().await.map_err(RestError::Unreachable)
}

/// Reads an answer that must have `status`.
async fn answer<T: DeserializeOwned>(response: Response, status: u16) -> Result<T, RestError> {
    let got = response.status().as_u16();
    if got >= 400 {
        return Err(refusal(response).await);
    }
    let unexpected = |problem: String| RestError::Unexpected { status: got, problem };
    let body = read(response).await?;
    if got != status {
        return Err(unexpected(format!("expected {status}")));
    }
    serde_json::from_slice(&body).map_err(|error| unexpected(error.to_string()))
}

/// An answer that says that it is done, and nothing else.
async fn nothing(response: Response) -> Result<(), RestError> {
    match response.status().as_u16() {
        204 => Ok(()),
        400.. => Err(refusal(response).await),
        status => Err(RestError::Unexpected { status, problem: "expected 204".to_owned() }),
    }
}

async fn refusal(response: Response) -> RestError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let body = match read(response).await {
        Ok(body) => body,
        Err(error) => return error,
    };
    match serde_json::from_slice::<types::Refusal>(&body) {
        Ok(types::Refusal { message, code, errors }) => {
            RestError::Refused { status, code, message, errors, retry_after }
        }
        Err(error) => RestError::Unexpected { status, problem: error.to_string() },
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, RestError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(RestError::Unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let problem = format!("longer than {MAX_ANSWER_BYTES} bytes");
            return Err(RestError::Unexpected { status, problem });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
