//! An answer of the service, read whole, with the rules that hold for every answer.

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Sends the request. Whatever comes back is sealed by the service's headers and is JSON, or nothing at all.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let empty = status == 204;
        let body = if empty { Ok(Value::Null) } else { serde_json::from_str(&text) };
        let body = body.unwrap_or_else(|_| panic!("{status}, not JSON: {text}"));
        let answer = Self { status, headers, body };
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(!answer.header("x-request-id").is_empty() && !answer.header("cache-control").is_empty());
        if empty {
            assert_eq!((text.as_str(), answer.header("content-type")), ("", ""));
        } else {
            assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A refusal of the documented form with this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self:?}");
        assert!(self.body["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        let keys: Vec<_> = self.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(keys.iter().all(|key| ["message", "code", "errors"].contains(key)), "{self:?}");
        self
    }

    /// A 400 that names exactly these fields.
    #[track_caller]
    pub(crate) fn invalid(&self, paths: &[&str]) -> &Self {
        self.refused(400, "invalid");
        let errors = self.body["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["path"].as_str().unwrap()).collect();
        assert_eq!(named, paths, "{self:?}");
        assert!(errors.iter().all(|error| error["message"].as_str().is_some_and(|text| !text.is_empty())));
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, message: &str) -> &Self {
        assert_eq!(self.body["message"], message, "{self:?}");
        self
    }
}
