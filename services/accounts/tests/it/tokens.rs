//! Bearer tokens: which open the doors, and that the published keys verify them.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::service::Service;

/// Every door that needs a token.
const DOORS: [(Method, &str); 10] = [
    (Method::GET, "/profile"),
    (Method::PATCH, "/profile/update"),
    (Method::PATCH, "/profile/change-password"),
    (Method::DELETE, "/profile/destroy"),
    (Method::GET, "/users/list"),
    (Method::GET, "/users/search?searchText=a"),
    (Method::GET, "/users/1"),
    (Method::POST, "/auth/logout"),
    (Method::GET, "/auth/sessions"),
    (Method::DELETE, "/auth/sessions/1"),
];

#[tokio::test]
async fn no_door_opens_without_a_valid_token() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let credentials = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer a.b.c".to_owned()),
        Some(user.token.clone()),
        Some(format!("Basic {}", user.token)),
        Some(format!("Bearer {}x", user.token)),
        Some(format!("Bearer {} {}", user.token, user.token)),
    ];
    for (method, path) in DOORS {
        for credential in &credentials {
            let mut request = service.request(method.clone(), path);
            if let Some(credential) = credential {
                request = request.header("authorization", credential);
            }
            let answer = Answer::of(request).await;
            answer.refused(401, "unauthorized").says("Unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let in_query = service.request(Method::GET, &format!("/profile?token={0}&access_token={0}", user.token));
    Answer::of(in_query).await.refused(401, "unauthorized");
    let lower_case =
        service.request(Method::GET, "/profile").header("authorization", format!("bearer {}", user.token));
    assert_eq!(Answer::of(lower_case).await.status, 200);
}

#[tokio::test]
async fn two_credentials_are_none() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let twice =
        service.request(Method::GET, "/profile").bearer_auth(&user.token).header("authorization", "Bearer x");
    Answer::of(twice).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn the_published_keys_verify_tokens() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", Some("Ann")).await;
    let answer = Answer::of(service.request(Method::GET, "/.well-known/jwks.json")).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert!(!answer.body.to_string().contains("\"d\""), "{answer:?}");
    let keys: JwkSet = serde_json::from_value(answer.body).unwrap();
    let header = decode_header(&user.token).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["messenger-accounts"]);
    validation.set_audience(&["messenger"]);
    let claims = decode::<Value>(&user.token, &key, &validation).unwrap().claims;
    assert_eq!(
        (&claims["id"], &claims["email"], &claims["firstName"]),
        (&json!(user.id), &json!("ann@x.io"), &json!("Ann"))
    );
    for claim in ["sub", "sid", "jti", "iat", "exp"] {
        assert!(!claims[claim].is_null(), "{claim}: {claims}");
    }
}

#[tokio::test]
async fn a_token_signed_by_somebody_else_opens_nothing() {
    let service = Service::start().await;
    let user = service.user("ann@x.io", None).await;
    let header = decode_header(&user.token).unwrap();
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&user.token).unwrap();
    let (_, rest) = user.token.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    let mut symmetric = Header { alg: Algorithm::HS256, ..header };
    symmetric.jku = Some("http://127.0.0.1:1/keys".to_owned());
    let guessed = encode(&symmetric, &claims, &EncodingKey::from_secret(b"hello")).unwrap();
    // {"alg":"none","typ":"at+jwt"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.");
    for token in [guessed, unsigned] {
        service.get("/profile", &token).await.refused(401, "unauthorized");
    }
    let other = Service::start().await;
    other.user("ann@x.io", None).await;
    other.get("/profile", &user.token).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn services_with_one_key_and_database_accept_each_others_tokens() {
    let database = messenger_support::database().await;
    let keys = crate::service::KeyFolder::new();
    let file = keys.file();
    let shared = [("ACCOUNTS_SIGNING_KEY_FILE", file.to_str().unwrap())];
    let url = database.url_for("accounts");
    let one = Service::start_on(&url, &shared);
    let two = Service::start_on(&url, &shared);
    let user = one.user("ann@x.io", None).await;
    assert_eq!(two.get("/profile", &user.token).await.body["email"], user.email);
}

#[tokio::test]
async fn audience_and_life_follow_the_configuration() {
    let service = Service::start_with(&[
        ("ACCOUNTS_TOKEN_AUDIENCE", "elsewhere"),
        ("ACCOUNTS_TOKEN_TTL_SECONDS", "60"),
    ])
    .await;
    let user = service.user("ann@x.io", None).await;
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&user.token).unwrap();
    assert_eq!(claims["aud"], "elsewhere");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
}
