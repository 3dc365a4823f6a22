//! From which pages a browser may use the service. A token is needed either way; this keeps a page of somebody else's from
//! using one that it got hold of.

use std::str::FromStr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};

/// Pages allowed besides those that come from the very host of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// All: for development.
    Any,
    /// These, each `scheme://host` or `scheme://host:port` in lower case.
    Listed(Vec<String>),
}

/// Not a list of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be origins such as https://app.example.com with commas between, or *")]
pub struct BadOrigins;

impl Default for Origins {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl FromStr for Origins {
    type Err = BadOrigins;

    fn from_str(text: &str) -> Result<Self, BadOrigins> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let listed = entries.map(|entry| {
            let entry = entry.to_ascii_lowercase();
            let host = split(&entry).map(|(_, host)| host).ok_or(BadOrigins)?;
            let whole = !host.contains(['/', '?', '#', '@', '*', ' ']);
            whole.then_some(entry).ok_or(BadOrigins)
        });
        listed.collect::<Result<_, _>>().map(Self::Listed)
    }
}

impl Origins {
    /// The listed ones, as a header spells them.
    pub fn listed(&self) -> Vec<HeaderValue> {
        let Self::Listed(listed) = self else { return Vec::new() };
        listed.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect()
    }

    /// Whether a request with these headers may be served. One that names no origin is not a browser's.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (lines.next(), lines.next()) else {
            return !headers.contains_key(ORIGIN);
        };
        let Self::Listed(listed) = self else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        listed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) || is_own(origin, headers)
    }
}

/// Whether the page comes from the host that the request is for: the service's own pages behind the same load balancer.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (split(origin), host) {
        (Some(("http" | "https", page)), Some(host)) => page.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// Scheme and host with port, if it has both.
fn split(origin: &str) -> Option<(&str, &str)> {
    origin.split_once("://").filter(|(scheme, host)| !scheme.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &str, host: &str, lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a host"));
        for line in lines {
            headers.append(ORIGIN, line.parse().expect("a header"));
        }
        origins.parse::<Origins>().expect("origins").allow(&headers)
    }

    #[test]
    fn only_the_own_and_the_listed_pages_are_let_in() {
        let listed = "https://app.example.com, http://localhost:5173";
        for (lines, allowed) in [
            (&[][..], true),
            (&["https://app.example.com"], true),
            (&["http://localhost:5173"], true),
            (&["http://chat.example.com"], true),
            (&["https://chat.example.com"], true),
            (&["https://chat.example.com:8443"], false),
            (&["null"], false),
            (&[""], false),
            (&["https://evil.com"], false),
            (&["https://app.example.com.evil.com"], false),
            (&["https://evil-app.example.com"], false),
            (&["http://app.example.com"], false),
            (&["https://app.example.com:444"], false),
            (&["https://app.example.com/"], false),
            (&["https://app.example.com, https://evil.com"], false),
            (&["ftp://chat.example.com"], false),
            (&["chat.example.com"], false),
            (&["https://app.example.com", "https://app.example.com"], false),
        ] {
            assert_eq!(allows(listed, "chat.example.com", lines), allowed, "{lines:?}");
        }
        assert!(allows("", "localhost:3000", &["http://localhost:3000"]));
        assert!(!allows("", "localhost:3000", &["http://localhost:3001"]));
    }

    #[test]
    fn any_is_any_page() {
        for origin in ["https://evil.com", "null"] {
            assert!(allows("*", "x", &[origin]));
        }
    }

    #[test]
    fn what_is_no_origin_is_no_entry() {
        for text in
            ["app.example.com", "https://", "https://a.com/", "https://*.a.com", "https://u@a.com", "*, *"]
        {
            assert_eq!(text.parse::<Origins>(), Err(BadOrigins), "{text}");
        }
    }
}
