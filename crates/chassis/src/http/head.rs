//! Looks at a request's head before it is parsed for good: what could be taken for two requests, is too large or is no
//! HTTP at all goes no further. By the parser that hyper uses, so that both see the same.

use http::{Method, StatusCode, Uri};
use httparse::{EMPTY_HEADER, Error, Request, Status};

use super::HttpLimits;

/// What the bytes at the beginning of a connection, or after a request, are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A part of a head.
    Partial,
    /// A head of so many bytes, and what comes after it.
    Whole(usize, Rest),
    /// Nothing that is served.
    Bad(Fault),
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// A body of so many bytes, and then another head.
    Sized(u64),
    /// A body in chunks; only whoever reads them knows where it ends.
    Chunks,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another language: TLS, HTTP/2, noise.
    Foreign,
    /// HTTP that breaks its rules.
    Malformed,
    /// The body has two ends, or one that servers see in different places.
    Ambiguous,
    /// More bytes or headers than anybody means.
    TooLarge,
}

impl Fault {
    /// The status that says so.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Its name in metrics and logs.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
            Self::Ambiguous => "ambiguous",
            Self::TooLarge => "too_large",
        }
    }
}

/// Judges what has come so far; `bytes` begins with the request line.
pub(super) fn look(bytes: &[u8], limits: &HttpLimits) -> Look {
    let mut headers = vec![EMPTY_HEADER; limits.headers];
    let mut request = Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) if length <= limits.head_bytes => length,
        Ok(Status::Partial) if bytes.len() < limits.head_bytes => return Look::Partial,
        Ok(_) | Err(Error::TooManyHeaders) => return Look::Bad(Fault::TooLarge),
        Err(Error::HeaderName | Error::HeaderValue) => return Look::Bad(Fault::Malformed),
        // Not even its first line is understood.
        Err(_) if request.version.is_none() => return Look::Bad(Fault::Foreign),
        Err(_) => return Look::Bad(Fault::Malformed),
    };
    match rest(&request) {
        Ok(rest) => Look::Whole(length, rest),
        Err(fault) => Look::Bad(fault),
    }
}

fn rest(request: &Request<'_, '_>) -> Result<Rest, Fault> {
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    if Method::from_bytes(method.as_bytes()).is_err() || path.parse::<Uri>().is_err() {
        return Err(Fault::Malformed);
    }
    let values = |name: &'static str| {
        let named = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    };
    let (mut lengths, mut codings) = (values("content-length"), values("transfer-encoding"));
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(Rest::Sized(0)),
        (Some(length), None) if lengths.next().is_none() => length_of(length).map(Rest::Sized),
        // The one coding that is spoken here, once, in the one version that has it.
        (None, Some(coding)) if codings.next().is_none() && request.version == Some(1) => {
            if coding.eq_ignore_ascii_case(b"chunked") { Ok(Rest::Chunks) } else { Err(Fault::Ambiguous) }
        }
        _ => Err(Fault::Ambiguous),
    }
}

/// Digits and nothing else, not even a sign.
fn length_of(text: &[u8]) -> Result<u64, Fault> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(Fault::Ambiguous)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(head: &str) -> Look {
        look(head.as_bytes(), &HttpLimits::default())
    }

    fn with(lines: &str) -> Look {
        seen(&format!("POST /x HTTP/1.1\r\nHost: x\r\n{lines}\r\n"))
    }

    #[test]
    fn an_honest_head_has_one_end_and_its_body_too() {
        let head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(seen(&format!("{head}GET")), Look::Whole(head.len(), Rest::Sized(0)));
        assert!(matches!(with("Content-Length: 12\r\n"), Look::Whole(_, Rest::Sized(12))));
        assert!(matches!(with("Transfer-Encoding: chunked\r\n"), Look::Whole(_, Rest::Chunks)));
        assert!(matches!(with("transfer-encoding: CHUNKED\r\n"), Look::Whole(_, Rest::Chunks)));
        assert_eq!(seen("GET / HTTP/1.1\r\nHost:"), Look::Partial);
        assert_eq!(seen("GE"), Look::Partial);
    }

    #[test]
    fn what_two_servers_could_read_differently_is_refused() {
        for lines in [
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: 2, 2\r\n",
            "Content-Length: +2\r\n",
            "Content-Length: 0x2\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length:\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert_eq!(with(lines), Look::Bad(Fault::Ambiguous), "{lines:?}");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(seen(old), Look::Bad(Fault::Ambiguous));
    }

    #[test]
    fn broken_heads_other_languages_and_endless_ones_are_told_apart() {
        for lines in ["X : a\r\n", "X: a\r\n b\r\n", "X: a\0b\r\n", "X\r\n", ": a\r\n", "X: a\rb\r\n"] {
            assert_eq!(with(lines), Look::Bad(Fault::Malformed), "{lines:?}");
        }
        for foreign in [
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.2\r\n\r\n",
            "GET /\r\n\r\n",
            "\0\0\0\0",
            "SSH-2.0-x\r\n",
        ] {
            assert_eq!(seen(foreign), Look::Bad(Fault::Foreign), "{foreign:?}");
        }
        assert_eq!(with(&"X: y\r\n".repeat(65)), Look::Bad(Fault::TooLarge));
        assert_eq!(seen(&format!("GET /{}", "x".repeat(16 * 1024))), Look::Bad(Fault::TooLarge));
        assert_eq!(with(&format!("X: {}\r\n", "x".repeat(17_000))), Look::Bad(Fault::TooLarge));
    }
}
