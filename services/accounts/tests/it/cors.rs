//! Pages of other hosts.

use reqwest::{Method, Response};

use crate::answer::Answer;
use crate::service::Service;

const PAGE: &str = "https://app.example.com";
const FOREIGN: [&str; 5] = [
    "https://evil.com",
    "null",
    "https://app.example.com.evil.com",
    "http://app.example.com",
    "https://app.example.com:8443",
];

/// What a browser asks before a request with a token.
async fn preflight(service: &Service, origin: &str) -> Response {
    let ask = service.request(Method::OPTIONS, "/profile/update").header("origin", origin);
    let ask = ask.header("access-control-request-method", "PATCH");
    ask.header("access-control-request-headers", "authorization,content-type").send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_listed_page_may_read_the_answers_and_no_other() {
    let service = Service::start_with(&[("ACCOUNTS_CORS_ORIGINS", PAGE)]).await;
    let allowed = preflight(&service, PAGE).await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(header(&allowed, "access-control-allow-origin"), PAGE);
    assert_eq!(header(&allowed, "access-control-allow-headers"), "authorization,content-type");
    assert_eq!(header(&allowed, "access-control-allow-methods"), "GET,POST,PATCH,DELETE");
    assert_eq!(header(&allowed, "access-control-allow-credentials"), "");
    let answer = Answer::of(service.request(Method::GET, "/profile").header("origin", PAGE)).await;
    answer.refused(401, "unauthorized");
    assert_eq!(answer.header("access-control-allow-origin"), PAGE, "a page can read a refusal");
    assert!(answer.header("vary").contains("origin"));
    for origin in FOREIGN {
        let refused = preflight(&service, origin).await;
        assert_eq!(header(&refused, "access-control-allow-origin"), "", "{origin}");
        let answer = Answer::of(service.request(Method::GET, "/profile").header("origin", origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn without_a_list_no_page_may() {
    let service = Service::start().await;
    for origin in FOREIGN.into_iter().chain([PAGE]) {
        let answer = preflight(&service, origin).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "access-control-allow-origin")),
            (405, ""),
            "{origin}"
        );
    }
}
