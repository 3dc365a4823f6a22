//! The way to the services: a log-in and a socket. A seam, so that tests can stand in for both.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::rest::{Accounts, LoggedIn, RestError};
use crate::socket::{self, ConnectError, Connection, Handshake};

/// Lifetime of a token whose server does not tell.
const UNTOLD_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Logs in and connects on behalf of a session.
pub trait Link: Send + Sync + 'static {
    /// A fresh token of the same user, from a new log-in or from one that is renewed.
    fn log_in(&self) -> impl Future<Output = Result<Grant, LogInError>> + Send;

    /// A socket of the user whose token it is.
    fn dial(&self, token: &SecretString) -> impl Future<Output = Result<Connection, ConnectError>> + Send;
}

/// A log-in.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The user.
    pub user_id: i64,
    /// Access token.
    pub token: SecretString,
    granted: Instant,
    lifetime: Duration,
}

/// Why there is no log-in.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// The service does not take it: trying the same again is of no use.
    #[error("{0}")]
    Refused(String),
    /// The service cannot answer now.
    #[error("{0}")]
    Unavailable(String),
}

impl Grant {
    /// A token that was issued just now and is good for `lifetime`.
    #[must_use]
    pub fn new(user_id: i64, token: SecretString, lifetime: Duration) -> Self {
        Self { user_id, token, granted: Instant::now(), lifetime }
    }

    /// Whether the token is still good for a while: four fifths of its lifetime, so that a handshake does not
    /// race its end.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        Instant::now() < self.renew_at()
    }

    /// From when on it should be replaced.
    pub(crate) fn renew_at(&self) -> Instant {
        self.granted + self.lifetime / 5 * 4
    }
}

impl From<LoggedIn> for Grant {
    fn from(login: LoggedIn) -> Self {
        let lifetime = login.expires_in.map_or(UNTOLD_LIFETIME, Duration::from_secs);
        Self::new(login.id, login.token, lifetime)
    }
}

/// The latest refresh token of a log-in, shared by all who renew it: each is good once, so they take turns. Empty before
/// the first log-in. Once there was one, the password is not used again: a log-in that its user has ended elsewhere must
/// not come back by itself.
#[derive(Debug, Clone, Default)]
pub struct Renewal(Arc<Mutex<Option<SecretString>>>);

impl Renewal {
    /// The renewal of a log-in that was just granted.
    #[must_use]
    pub fn of(login: &LoggedIn) -> Self {
        Self(Arc::new(Mutex::new(login.refresh_token.clone())))
    }
}

/// The real link: the accounts service for the log-in, a gateway for the socket.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The accounts service.
    pub accounts: Accounts,
    /// E-mail address to log in with.
    pub email: String,
    /// Password for the first log-in.
    pub password: SecretString,
    /// What later ones are renewed with.
    pub renewal: Renewal,
    /// `ws://` or `wss://` address of the gateway.
    pub url: String,
    /// Limits of each socket.
    pub options: socket::Options,
}

/// Attempts of a refresh: an answer that was lost must be asked for again at once, later it ends the log-in.
const REFRESHES: u32 = 3;

async fn refresh(accounts: &Accounts, token: &SecretString) -> Result<LoggedIn, RestError> {
    let mut refreshed = accounts.refresh(token).await;
    for _ in 1..REFRESHES {
        if !matches!(refreshed, Err(RestError::Unreachable(_))) {
            break;
        }
        refreshed = accounts.refresh(token).await;
    }
    refreshed
}

impl Link for Gateway {
    async fn log_in(&self) -> Result<Grant, LogInError> {
        let mut latest = self.renewal.0.lock().await;
        let login = match &*latest {
            Some(token) => refresh(&self.accounts, token).await,
            None => self.accounts.log_in(&self.email, &self.password).await,
        };
        match login {
            Ok(login) => {
                latest.clone_from(&login.refresh_token);
                Ok(login.into())
            }
            Err(error) => Err(match error {
                RestError::Refused { status: 400..=428 | 430..=499, .. } => {
                    LogInError::Refused(error.to_string())
                }
                _ => LogInError::Unavailable(error.to_string()),
            }),
        }
    }

    async fn dial(&self, token: &SecretString) -> Result<Connection, ConnectError> {
        let handshake = Handshake::new(&self.url).bearer(token.expose_secret())?;
        Connection::open_with(&handshake, &self.options).await
    }
}
