use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::super::keys::generate_pem;
use super::*;
use crate::domain::Profile;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const LIFE: Duration = Duration::from_secs(900);

fn config() -> TokenConfig {
    TokenConfig { issuer: "iss".to_owned(), audience: "aud".to_owned(), ttl: Duration::from_secs(900) }
}

fn tokens() -> Tokens {
    Tokens::new(Keys::from_pem(&generate_pem().unwrap()).unwrap(), config())
}

fn user() -> User {
    User {
        id: UserId::new(7).unwrap(),
        uuid: Uuid::from_u128(77),
        profile: Profile { email: "a@x.io".to_owned(), first_name: Some("Ann".to_owned()), last_name: None },
        created_at: NOW,
        updated_at: NOW,
        removed: false,
    }
}

fn seconds_later(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW.as_second() + seconds).unwrap()
}

/// A token of ours with some claims and header fields replaced, properly signed.
fn forged(tokens: &Tokens, change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(tokens.keys().signing(NOW).id.clone());
    let now = NOW.as_second();
    let mut claims = json!({
        "iss": "iss", "aud": "aud", "sub": Uuid::from_u128(77), "exp": now + 900, "iat": now,
        "jti": Uuid::from_u128(1), "sid": Uuid::from_u128(5), "id": 7, "email": "a@x.io", "firstName": null,
    });
    change(&mut header, &mut claims);
    encode(&header, &claims, &tokens.keys().signing(NOW).signing).unwrap()
}

#[test]
fn a_token_says_whose_it_is_until_it_expires() {
    let tokens = tokens();
    let token = tokens.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    let bearer = tokens.verify(&token, NOW).unwrap();
    assert_eq!((bearer.user_id.get(), bearer.session_id), (7, Uuid::from_u128(5)));
    assert!(tokens.verify(&token, seconds_later(900 + LEEWAY_SECONDS - 1)).is_ok());
    assert!(tokens.verify(&token, seconds_later(900 + LEEWAY_SECONDS)).is_err());
    assert!(tokens.verify(&token, seconds_later(-LEEWAY_SECONDS - 1)).is_err());
}

#[test]
fn the_claims_are_those_clients_read() {
    let tokens = tokens();
    let token = tokens.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    let header = decode_header(&token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token).unwrap().claims;
    assert_eq!(claims["id"], 7);
    assert_eq!(claims["email"], "a@x.io");
    assert_eq!(claims["firstName"], "Ann");
    assert_eq!(claims["sub"], Uuid::from_u128(77).to_string());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
}

#[test]
fn the_template_of_the_forgeries_is_itself_valid() {
    let tokens = tokens();
    assert!(tokens.verify(&forged(&tokens, |_, _| {}), NOW).is_ok());
}

#[test]
fn wrong_claims_are_refused() {
    let tokens = tokens();
    let check = |key: &str, value: Value| {
        let token = forged(&tokens, |_, claims| claims[key] = value.clone());
        assert!(tokens.verify(&token, NOW).is_err(), "{key}: {value}");
    };
    check("iss", json!("other"));
    check("iss", json!(["iss", "other"]));
    check("aud", json!("other"));
    check("aud", json!(["aud", "other"]));
    check("exp", json!(NOW.as_second() - 3_600));
    check("exp", json!(NOW.as_second() + 901));
    check("exp", json!(i64::MAX));
    check("exp", json!("tomorrow"));
    check("exp", json!(1e308));
    check("iat", json!(NOW.as_second() + 3_600));
    check("iat", json!(NOW.as_second() - 1));
    check("iat", json!(i64::MIN));
    check("nbf", json!(NOW.as_second() + 3_600));
    check("id", json!(0));
    check("id", json!("7"));
    check("sub", json!("7"));
    for key in ["iss", "aud", "exp", "iat", "sub", "sid", "id", "jti"] {
        let token = forged(&tokens, |_, claims| drop(claims.as_object_mut().unwrap().remove(key)));
        assert!(tokens.verify(&token, NOW).is_err(), "without {key}");
    }
}

#[test]
fn wrong_headers_are_refused() {
    let tokens = tokens();
    let check = |name: &str, change: fn(&mut Header)| {
        let token = forged(&tokens, |header, _| change(header));
        assert!(tokens.verify(&token, NOW).is_err(), "{name}");
    };
    check("other type", |header| header.typ = Some("JWT".to_owned()));
    check("no type", |header| header.typ = None);
    check("no key id", |header| header.kid = None);
    check("foreign key id", |header| header.kid = Some("x".to_owned()));
    check("long form of the type", |header| header.typ = Some("application/at+jwt".to_owned()));
    check("refresh token", |header| header.typ = Some("rt+jwt".to_owned()));
    check("compressed", |header| header.zip = serde_json::from_value(json!("DEF")).unwrap());
    check("critical extension", |header| header.crit = Some(vec!["b64".to_owned()]));
}

#[test]
fn wrong_signatures_are_refused() {
    let tokens = tokens();
    let token = tokens.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    let kid = tokens.keys().signing(NOW).id.clone();
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(kid);
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token).unwrap().claims;
    let symmetric = encode(&header, &claims, &EncodingKey::from_secret(b"hello")).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let other_key = Tokens::new(Keys::from_pem(&generate_pem().unwrap()).unwrap(), config());
    let (_, foreign) =
        forged(&other_key, |_, _| {}).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for bad in [
        String::new(),
        "a.b.c".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.{foreign}"),
        format!("{signed}.{flipped}{}", &signature[1..]),
        format!("{token}.x"),
        format!("{token}="),
        symmetric,
        "x".repeat(TOKEN_BYTES_MAX + 1),
    ] {
        assert!(matches!(tokens.verify(&bad, NOW), Err(Error::Unauthorized)), "{bad:?}");
    }
}

#[test]
fn an_older_key_still_verifies() {
    let (older, newer) = (generate_pem().unwrap(), generate_pem().unwrap());
    let before = Tokens::new(Keys::from_pem(&older).unwrap(), config());
    let after = Tokens::new(Keys::from_pem(&format!("{newer}{older}")).unwrap(), config());
    let old = before.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    let new = after.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    assert!(after.verify(&old, NOW).is_ok() && after.verify(&new, NOW).is_ok());
    assert!(before.verify(&new, NOW).is_err());
}

#[test]
fn other_keys_take_over_between_two_requests() {
    let (older, newer) = (generate_pem().unwrap(), generate_pem().unwrap());
    let tokens = Tokens::new(Keys::from_pem(&older).unwrap(), config());
    let old = tokens.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    assert!(!tokens.replace_keys(Keys::from_pem(&older).unwrap()));
    assert!(tokens.replace_keys(
        Keys::from_pem(&format!("signs-from: {}\n{newer}{older}", seconds_later(60))).unwrap()
    ));
    let kid = |token: &str| decode_header(token).unwrap().kid.unwrap();
    let before = tokens.sign(&user(), Uuid::from_u128(5), NOW, LIFE).unwrap();
    let after = tokens.sign(&user(), Uuid::from_u128(5), seconds_later(60), LIFE).unwrap();
    assert!(kid(&before) == kid(&old) && kid(&after) != kid(&old));
    assert!(
        tokens.verify(&old, seconds_later(60)).is_ok() && tokens.verify(&after, seconds_later(60)).is_ok()
    );
    let published: Value = serde_json::from_str(&tokens.jwks(NOW).unwrap()).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2, "a key is published before it signs");
    assert!(tokens.replace_keys(Keys::from_pem(&newer).unwrap()));
    assert!(tokens.verify(&old, NOW).is_err(), "a key that is taken away verifies nothing");
}
