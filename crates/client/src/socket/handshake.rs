//! What is asked for in the opening handshake, and why there may be no connection.

use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

/// What is asked for in the opening handshake.
#[derive(Clone)]
pub struct Handshake {
    url: String,
    headers: HeaderMap,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server answered HTTP instead of opening: 401 for a token it does not take.
    #[error("the gateway answered HTTP {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Body of the answer, as far as it came with the head.
        body: String,
    },
    /// No answer in time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The address or a header cannot be used; nothing was sent.
    #[error("unusable {0}")]
    Unusable(&'static str),
    /// The network or the server broke the handshake off.
    #[error("cannot connect: {0}")]
    Network(#[source] Box<Error>),
}

impl Handshake {
    /// A handshake with `ws://` or `wss://` `url` and nothing else: no token.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: HeaderMap::new() }
    }

    /// Presents `token` in the `Authorization` header.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when it cannot be a header's value.
    pub fn bearer(self, token: &str) -> Result<Self, ConnectError> {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Offers subprotocols, in order of preference.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when they cannot be a header's value.
    pub fn subprotocols(self, offers: &[&str]) -> Result<Self, ConnectError> {
        self.header(SEC_WEBSOCKET_PROTOCOL.as_str(), &offers.join(", "))
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when name or value cannot be one.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, ConnectError> {
        let name = HeaderName::try_from(name).map_err(|_| ConnectError::Unusable("header name"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| ConnectError::Unusable("header value"))?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    pub(super) fn request(&self) -> Result<Request, ConnectError> {
        let mut request =
            self.url.as_str().into_client_request().map_err(|_| ConnectError::Unusable("address"))?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }

    /// Host and port to dial.
    pub(super) fn endpoint(&self) -> Result<(String, u16), ConnectError> {
        let request = self.request()?;
        let uri = request.uri();
        let host = uri.host().ok_or(ConnectError::Unusable("address"))?;
        let default_port = if uri.scheme_str() == Some("wss") { 443 } else { 80 };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok((host, uri.port_u16().unwrap_or(default_port)))
    }
}

impl ConnectError {
    pub(super) fn network(error: io::Error) -> Self {
        Self::Network(Box::new(Error::Io(error)))
    }

    pub(super) fn of(error: Error) -> Self {
        match error {
            Error::Http(response) => Self::Refused {
                status: response.status().as_u16(),
                body: response
                    .body()
                    .as_deref()
                    .map(String::from_utf8_lossy)
                    .unwrap_or_default()
                    .into_owned(),
            },
            error => Self::Network(Box::new(error)),
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("url", &self.url).finish_non_exhaustive()
    }
}
