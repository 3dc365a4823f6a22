//! Where a handshake carries its token, and which dialect it asks for.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

use super::AuthError;
use crate::dialect::Dialect;

/// The subprotocol of browsers, which cannot set headers: `auth, <token>`.
const AUTH: &str = "auth";

/// What a handshake brings along.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The token, not verified.
    pub token: &'a str,
    /// The language that the connection will speak.
    pub dialect: Dialect,
    /// The subprotocol to be echoed in the answer, if the client offered any.
    pub subprotocol: Option<&'static str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

/// Reads `Authorization: Bearer <token>`, or the token that follows `auth` among the subprotocols offered. The query
/// string is no place for a token: proxies log it.
///
/// # Errors
/// [`AuthError::UnsupportedProtocol`], [`AuthError::NoToken`], [`AuthError::Malformed`] when there are two.
pub fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, AuthError> {
    let offered = offered(headers)?;
    let (subprotocol, paired) = match offered.iter().position(|name| *name == AUTH) {
        Some(at) => (Some(AUTH), offered.get(at + 1).copied()),
        None if offered.is_empty() => (None, None),
        None => return Err(AuthError::UnsupportedProtocol),
    };
    let token = bearer(headers)?.or(paired).ok_or(AuthError::NoToken)?;
    Ok(Credentials { token, dialect: Dialect::Seed, subprotocol })
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::Malformed);
    }
    let value = value.to_str().map_err(|_| AuthError::Malformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() { Err(AuthError::NoToken) } else { Ok(Some(token)) }
}

/// The subprotocols in the client's order, over all lines of the header.
fn offered(headers: &HeaderMap) -> Result<Vec<&str>, AuthError> {
    let mut names = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let value = value.to_str().map_err(|_| AuthError::UnsupportedProtocol)?;
        names.extend(value.split(',').map(str::trim).filter(|name| !name.is_empty()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn read(lines: &[(&HeaderName, &'static str)]) -> Result<(String, Option<&'static str>), AuthError> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        credentials(&headers).map(|found| (found.token.to_owned(), found.subprotocol))
    }

    fn found(token: &str, echo: Option<&'static str>) -> Result<(String, Option<&'static str>), AuthError> {
        Ok((token.to_owned(), echo))
    }

    #[test]
    fn the_token_is_in_the_header_or_after_auth() {
        const A: &HeaderName = &AUTHORIZATION;
        const P: &HeaderName = &SEC_WEBSOCKET_PROTOCOL;
        for (lines, expected) in [
            (&[(A, "Bearer t.o.k")][..], found("t.o.k", None)),
            (&[(A, "bEARER  t.o.k ")], found("t.o.k", None)),
            (&[(P, "auth, t.o.k")], found("t.o.k", Some("auth"))),
            (&[(P, "auth"), (P, "t.o.k")], found("t.o.k", Some("auth"))),
            (&[(P, "chat,auth,t.o.k,other")], found("t.o.k", Some("auth"))),
            (&[(P, "auth"), (A, "Bearer t.o.k")], found("t.o.k", Some("auth"))),
            (&[(P, "auth, x.y.z"), (A, "Bearer t.o.k")], found("t.o.k", Some("auth"))),
            (&[(P, "auth, t.o.k"), (A, "Basic abc")], found("t.o.k", Some("auth"))),
            (&[], Err(AuthError::NoToken)),
            (&[(A, "Basic abc")], Err(AuthError::NoToken)),
            (&[(A, "Bearer")], Err(AuthError::NoToken)),
            (&[(A, "Bearer  ")], Err(AuthError::NoToken)),
            (&[(A, "t.o.k")], Err(AuthError::NoToken)),
            (&[(P, "auth")], Err(AuthError::NoToken)),
            (&[(P, "auth, ,")], Err(AuthError::NoToken)),
            (&[(A, "Bearer t.o.k"), (A, "Bearer x.y.z")], Err(AuthError::Malformed)),
            (&[(P, "messenger.v2, bearer.t.o.k")], Err(AuthError::UnsupportedProtocol)),
            (&[(P, "messenger.v2"), (A, "Bearer t.o.k")], Err(AuthError::UnsupportedProtocol)),
            (&[(P, "AUTH, t.o.k")], Err(AuthError::UnsupportedProtocol)),
            (&[(P, "soap"), (A, "Bearer t.o.k")], Err(AuthError::UnsupportedProtocol)),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
        assert_eq!(credentials(&headers), Err(AuthError::Malformed));
    }

    #[test]
    fn a_token_does_not_print() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer s3cret"));
        assert!(!format!("{:?}", credentials(&headers)).contains("s3cret"));
    }
}
