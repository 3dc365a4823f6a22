//! What is refused before any route is asked, and the headers that every answer has.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use tokio::net::TcpStream;

use super::HttpLimits;

/// Set on every answer, unless its handler has set the header itself.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];
/// A year: browsers come back by https whatever a link says.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// The header in which a proxy says how it was reached.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What an address hears that has as many connections as it may.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\
    cache-control: no-store\r\ncontent-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'\r\n\
    referrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\nretry-after: 5\r\nconnection: close\r\n\r\n\
    {\"message\":\"Too many connections\",\"code\":\"too_many_connections\"}";

/// Closes a connection that is one too many, with a word if it can be said at once.
pub(super) fn turn_away(stream: &TcpStream) {
    metrics::counter!("http_connections_refused_total").increment(1);
    // Nobody waits for somebody who is turned away.
    let _ = stream.try_write(TOO_MANY);
}

/// Why the request's head is more than anybody means, if it is.
pub(super) fn too_large<B>(request: &Request<B>, limits: &HttpLimits) -> Option<StatusCode> {
    let uri = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if uri > limits.uri_bytes {
        return Some(StatusCode::URI_TOO_LONG);
    }
    let large = request.headers().values().any(|value| value.len() > limits.header_bytes);
    large.then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// Its answer, and the end of the connection.
pub(super) fn refusal(status: StatusCode) -> Response {
    let body = match status {
        StatusCode::BAD_REQUEST => {
            r#"{"message":"This is no request that can be answered","code":"bad_request"}"#
        }
        _ => r#"{"message":"The request is too large","code":"too_large"}"#,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The connection ends with this answer, unless it becomes something else.
pub(super) fn take_leave<B>(response: &mut http::Response<B>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether the proxy says that the client came by https.
pub(super) fn came_by_https(headers: &HeaderMap) -> bool {
    headers.get(FORWARDED_PROTO).is_some_and(|proto| proto == "https")
}

/// Adds what the answer does not have.
pub(super) fn seal(headers: &mut HeaderMap, https: bool) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if https {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_one_too_many_is_whole() {
        let text = std::str::from_utf8(TOO_MANY).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert!(body.starts_with('{') && body.ends_with('}'));
        for (name, value) in HEADERS {
            let line = format!("{name}: {}", value.to_str().expect("text"));
            assert!(head.lines().any(|sent| sent == line), "{line}");
        }
    }

    #[test]
    fn what_a_handler_has_set_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        seal(&mut headers, false);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=300");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        seal(&mut headers, true);
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], HSTS);
    }

    #[test]
    fn long_paths_and_headers_are_refused() {
        let limits = HttpLimits::default();
        let request = |path: String, header: usize| {
            Request::builder().uri(path).header("x", "x".repeat(header)).body(()).expect("a request")
        };
        assert_eq!(too_large(&request("/".to_owned(), 8 * 1024), &limits), None);
        let long = format!("/?{}", "x".repeat(2_047));
        assert_eq!(too_large(&request(long, 1), &limits), Some(StatusCode::URI_TOO_LONG));
        let large = too_large(&request("/".to_owned(), 8 * 1024 + 1), &limits);
        assert_eq!(large, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
}
