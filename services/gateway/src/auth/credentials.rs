//! Where a handshake carries its token, and which dialect it asks for.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

use super::AuthError;
use crate::dialect::Dialect;

/// The subprotocol of browsers, which cannot set headers: `auth, <token>`.
const AUTH: &str = "auth";
/// The subprotocol of the second dialect: alone, or as `messenger.v2, bearer.<token>`.
const V2: &str = "messenger.v2";
/// What stands before the token in the list of subprotocols.
const BEARER: &str = "bearer.";

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

/// Reads `Authorization: Bearer <token>`, or the token among the subprotocols offered: the one that follows `auth`, or the
/// one marked `bearer.` beside `messenger.v2`. The query string is no place for a token: proxies log it.
///
/// # Errors
/// [`AuthError::UnsupportedProtocol`], [`AuthError::NoToken`], [`AuthError::Malformed`] when there are two.
pub fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, AuthError> {
    let offered = offered(headers)?;
    let (dialect, subprotocol, listed) = chosen(&offered)?;
    let token = bearer(headers)?.or(listed).ok_or(AuthError::NoToken)?;
    Ok(Credentials { token, dialect, subprotocol })
}

/// The dialect that the client prefers among those spoken here, the subprotocol to echo, and the token in the list.
fn chosen<'a>(offered: &[&'a str]) -> Result<(Dialect, Option<&'static str>, Option<&'a str>), AuthError> {
    let known = |name: &&str| *name == AUTH || *name == V2;
    match offered.iter().position(known) {
        Some(at) if offered[at] == V2 => {
            let mut marked = offered.iter().filter_map(|name| name.strip_prefix(BEARER));
            let token = marked.next().filter(|token| !token.is_empty());
            if marked.next().is_some() {
                Err(AuthError::Malformed)
            } else {
                Ok((Dialect::V2, Some(V2), token))
            }
        }
        Some(at) => Ok((Dialect::Seed, Some(AUTH), offered.get(at + 1).copied())),
        None if offered.is_empty() => Ok((Dialect::Seed, None, None)),
        None => Err(AuthError::UnsupportedProtocol),
    }
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

/// The subprotocols in the client's order, over all lines of the header. A name has no blanks inside (RFC 6455, 4.1).
fn offered(headers: &HeaderMap) -> Result<Vec<&str>, AuthError> {
    let mut names = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let value = value.to_str().map_err(|_| AuthError::UnsupportedProtocol)?;
        names.extend(value.split(',').map(str::trim).filter(|name| !name.is_empty()));
    }
    if names.iter().any(|name| name.contains(char::is_whitespace)) {
        return Err(AuthError::Malformed);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    type Found = Result<(String, Option<&'static str>), AuthError>;

    fn read(lines: &[(&HeaderName, &'static str)]) -> Found {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let found = credentials(&headers)?;
        assert_eq!(found.dialect == Dialect::V2, found.subprotocol == Some(V2));
        Ok((found.token.to_owned(), found.subprotocol))
    }

    fn found(token: &str, echo: Option<&'static str>) -> Found {
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
            (&[(P, "messenger.v2, bearer.t.o.k")], found("t.o.k", Some("messenger.v2"))),
            (&[(P, "bearer.t.o.k"), (P, "messenger.v2")], found("t.o.k", Some("messenger.v2"))),
            (&[(P, "messenger.v2"), (A, "Bearer t.o.k")], found("t.o.k", Some("messenger.v2"))),
            (&[(P, "messenger.v2, bearer.x.y.z"), (A, "Bearer t.o.k")], found("t.o.k", Some("messenger.v2"))),
            (&[(P, "messenger.v3, messenger.v2, bearer.t.o.k")], found("t.o.k", Some("messenger.v2"))),
            (&[(P, "auth, t.o.k, messenger.v2")], found("t.o.k", Some("auth"))),
            (&[(P, "messenger.v2")], Err(AuthError::NoToken)),
            (&[(P, "messenger.v2, bearer.")], Err(AuthError::NoToken)),
            (&[(P, "messenger.v2, t.o.k")], Err(AuthError::NoToken)),
            (&[(P, "messenger.v2, bearer.a, bearer.b")], Err(AuthError::Malformed)),
            (&[(P, "auth, t.o k")], Err(AuthError::Malformed)),
            (&[(P, "messenger.v2, bearer.t.o k")], Err(AuthError::Malformed)),
            (&[(P, "messenger.v3, bearer.t.o.k")], Err(AuthError::UnsupportedProtocol)),
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
