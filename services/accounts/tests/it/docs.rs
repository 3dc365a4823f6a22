//! The OpenAPI document and the Swagger UI, held against the running service.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::answer::Answer;
use crate::service::Service;

const ROUTES: [(&str, &str); 18] = [
    ("get", "/.well-known/jwks.json"),
    ("post", "/auth/forgot-password"),
    ("post", "/auth/login"),
    ("post", "/auth/logout"),
    ("post", "/auth/refresh"),
    ("post", "/auth/reset-password"),
    ("get", "/auth/sessions"),
    ("delete", "/auth/sessions/{id}"),
    ("post", "/auth/sign-up"),
    ("post", "/auth/sing-up"),
    ("post", "/auth/verify-email"),
    ("get", "/profile"),
    ("patch", "/profile/change-password"),
    ("delete", "/profile/destroy"),
    ("patch", "/profile/update"),
    ("get", "/users/list"),
    ("get", "/users/search"),
    ("get", "/users/{id}"),
];

async fn document(service: &Service) -> Value {
    Answer::of(service.request(Method::GET, "/api/openapi.json")).await.body
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(|(method, operation)| (method.clone(), path.clone(), operation.clone()))
    });
    all.collect()
}

#[tokio::test]
async fn the_document_lists_exactly_the_routes() {
    let service = Service::start().await;
    let document = document(&service).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let documented: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let expected = ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented, expected);
    for (method, path) in documented {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = Answer::of(service.request(method, &path.replace("{id}", "1"))).await;
        assert!(
            answer.body["message"] != "There is nothing at this address" && answer.status != 405,
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn doors_with_a_lock_are_documented_with_it() {
    let service = Service::start().await;
    for (method, path, operation) in operations(&document(&service).await) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = Answer::of(service.request(method, &path.replace("{id}", "1"))).await;
        let locked = operation["security"] == serde_json::json!([{ "bearer": [] }]);
        assert_eq!(answer.status == 401, locked, "{path}: {answer:?}");
        // What a refresh needs is in its body.
        let refused = locked || path == "/auth/refresh";
        assert_eq!(operation["responses"].get("401").is_some(), refused, "{path}");
        assert!(
            operation["responses"].get(answer.status.to_string()).is_some(),
            "{path}: {} is not documented",
            answer.status
        );
    }
}

#[tokio::test]
async fn bodies_take_the_documented_fields_and_no_others() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let document = document(&service).await;
    let mut seen = 0;
    for (method, path, operation) in operations(&document) {
        let Some(body) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
        else {
            continue;
        };
        let schema = &document["components"]["schemas"][body.rsplit('/').next().unwrap()];
        assert_eq!(schema["additionalProperties"], false, "{path}");
        let fields = schema["properties"].as_object().unwrap();
        // A number is no valid value of any of them: it is refused by name, which an unknown field is too, but with
        // other words.
        for field in fields.keys() {
            let wrong = serde_json::json!({ field: 7 });
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer =
                Answer::of(service.request(method, &path).bearer_auth(&user.token).json(&wrong)).await;
            answer.invalid(&[field]);
            assert_eq!(answer.body["errors"][0]["message"], "must be a string", "{path}: {field}");
        }
        seen += 1;
    }
    assert_eq!(seen, 9);
}

#[tokio::test]
async fn the_program_prints_the_document_it_serves() {
    let service = Service::start().await;
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_accounts")).arg("openapi").output().unwrap();
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed, document(&service).await);
}

#[tokio::test]
async fn swagger_ui_comes_from_inside_the_binary() {
    let service = Service::start().await;
    let get = async |path: &str| service.request(Method::GET, path).send().await.unwrap();
    let page = get("/api").await;
    assert_eq!((page.status(), page.url().path()), (StatusCode::OK, "/api/"));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'self'"));
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = page.text().await.unwrap();
    let links: Vec<_> =
        page.split(['"', '\'']).filter(|text| text.ends_with(".js") || text.ends_with(".css")).collect();
    assert!(links.len() >= 4 && !page.contains("http://") && !page.contains("https://"), "{page}");
    for link in links {
        let file = get(&format!("/api/{}", link.trim_start_matches("./"))).await;
        assert_eq!(file.status(), StatusCode::OK, "{link}");
        assert!(!file.bytes().await.unwrap().is_empty(), "{link}");
    }
    let start = get("/api/swagger-initializer.js").await.text().await.unwrap();
    assert!(start.contains("/api/openapi.json") && !start.contains("petstore"), "{start}");
    Answer::of(service.request(Method::GET, "/api/nothing.js")).await.refused(404, "not_found");
    Answer::of(service.request(Method::GET, "/api/..%2f..%2fetc%2fpasswd")).await.refused(404, "not_found");
}
