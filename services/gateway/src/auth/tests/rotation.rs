//! Keys that come and go.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;

#[test]
fn without_keys_nobody_is_told_that_a_token_is_bad() {
    let ring = Arc::new(KeyRing::default());
    let verifier = TokenVerifier::new(config(), Arc::clone(&ring));
    let token = Signer::new("k1", Algorithm::EdDSA).token(|_, _| {});
    assert_eq!(verifier.verify(&token, at(NOW)).map(|_| ()), Err(AuthError::NoKeys));
    assert_eq!(ring.wanted().now_or_never(), None, "the first fetch is on its way anyway");
}

#[test]
fn a_new_key_is_taken_and_an_old_one_dropped() {
    let (old, new) = (Signer::new("old", Algorithm::EdDSA), Signer::new("new", Algorithm::EdDSA));
    let ring = Arc::new(KeyRing::default());
    let verifier = TokenVerifier::new(config(), Arc::clone(&ring));
    let check = |signer: &Signer| verifier.verify(&signer.token(|_, _| {}), at(NOW)).map(|_| ());
    let replace = |signers: &[&Signer]| ring.replace(VerifyingKeys::from_jwks(&jwks(signers)).unwrap());
    replace(&[&old]);
    assert_eq!((check(&old), check(&new)), (Ok(()), Err(AuthError::UnknownKey)));
    replace(&[&new, &old]);
    assert_eq!((check(&old), check(&new)), (Ok(()), Ok(())));
    replace(&[&new]);
    assert_eq!((check(&old), check(&new)), (Err(AuthError::UnknownKey), Ok(())));
}

#[test]
fn an_unknown_key_asks_for_a_fetch_once() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let ring = ring(&[&signer]);
    let verifier = TokenVerifier::new(config(), Arc::clone(&ring));
    assert!(verifier.verify(&signer.token(|_, _| {}), at(NOW)).is_ok());
    assert_eq!(ring.wanted().now_or_never(), None);
    for kid in ["a", "b", "c"] {
        let token = signer.token(|header, _| header.kid = Some(kid.to_owned()));
        assert!(verifier.verify(&token, at(NOW)).is_err());
    }
    assert_eq!(ring.wanted().now_or_never(), Some(()));
    assert_eq!(ring.wanted().now_or_never(), None);
}

#[tokio::test(start_paused = true)]
async fn readiness_waits_for_the_first_keys() {
    let ring = KeyRing::default();
    assert!(!ring.is_ready());
    assert!(tokio::time::timeout(Duration::from_secs(60), ring.ready()).await.is_err());
    ring.replace(VerifyingKeys::from_jwks(&jwks(&[&Signer::new("k", Algorithm::EdDSA)])).unwrap());
    assert!(ring.is_ready());
    ring.ready().await;
}

#[test]
fn sets_without_a_usable_key_are_refused() {
    let okp = |extra: Value| {
        let mut key = serde_json::to_value(&Signer::new("k", Algorithm::EdDSA).public).unwrap();
        key.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"keys": [key]}).to_string()
    };
    let ec = |extra: Value| {
        let mut key = serde_json::to_value(&Signer::new("k", Algorithm::ES256).public).unwrap();
        key.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"keys": [key]}).to_string()
    };
    for (set, expected) in [
        ("".to_owned(), KeySetError::Malformed),
        ("[]".to_owned(), KeySetError::Malformed),
        ("{}".to_owned(), KeySetError::Malformed),
        (r#"{"keys":[]}"#.to_owned(), KeySetError::Unusable),
        (
            r#"{"keys":[{"kty":"oct","k":"aGVsbG8","kid":"k","alg":"HS256"}]}"#.to_owned(),
            KeySetError::Unusable,
        ),
        (
            r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"k","alg":"RS256"}]}"#.to_owned(),
            KeySetError::Unusable,
        ),
        (okp(json!({"alg": "ES256"})), KeySetError::Unusable),
        (okp(json!({"use": "enc"})), KeySetError::Unusable),
        (okp(json!({"kid": null})), KeySetError::Unusable),
        (okp(json!({"x": "!"})), KeySetError::Unusable),
        (ec(json!({"alg": null})), KeySetError::Unusable),
        (ec(json!({"alg": "ES384"})), KeySetError::Unusable),
        (json!({"keys": vec![json!({}); 33]}).to_string(), KeySetError::Unusable),
    ] {
        assert_eq!(VerifyingKeys::from_jwks(&set).map(|_| ()), Err(expected), "{set}");
    }
    assert!(VerifyingKeys::from_jwks(&okp(json!({"alg": null, "use": "sig"}))).is_ok());
}

#[test]
fn a_key_of_an_unknown_kind_does_not_cost_the_others() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let mut set: Value = serde_json::from_str(&jwks(&[&signer])).unwrap();
    set["keys"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "x"}));
    let ring = Arc::new(KeyRing::default());
    ring.replace(VerifyingKeys::from_jwks(&set.to_string()).unwrap());
    assert!(TokenVerifier::new(config(), ring).verify(&signer.token(|_, _| {}), at(NOW)).is_ok());
}
