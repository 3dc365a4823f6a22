//! Tokens of every kind that must not pass, beside one that must. Keys are made here; only their public halves are given to
//! the verifier.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

mod forgeries;
mod rotation;

const NOW: i64 = 1_800_000_000;
const SESSION: Uuid = Uuid::from_u128(1);

/// Who signs.
struct Signer {
    key: EncodingKey,
    public: Jwk,
}

impl Signer {
    fn new(kid: &str, algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().unwrap();
                EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::ES256 => {
                let random = SystemRandom::new();
                let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
                EncodingKey::from_ec_der(pair.as_ref())
            }
            other => panic!("{other:?}"),
        };
        let mut public = Jwk::from_encoding_key(&key, algorithm).unwrap();
        public.common.key_id = Some(kid.to_owned());
        Self { key, public }
    }

    /// A valid token, but for what `change` does to header and claims.
    fn token(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
        let algorithm = self.public.common.key_algorithm.unwrap().try_into().unwrap();
        let mut header = Header::new(algorithm);
        header.typ = Some("at+jwt".to_owned());
        header.kid.clone_from(&self.public.common.key_id);
        let mut claims = json!({
            "iss": "messenger-accounts", "aud": "messenger", "sub": "0190", "exp": NOW + 900, "iat": NOW, "jti": "j",
            "sid": SESSION, "id": 7, "email": "p@mail.com", "firstName": "Patrick",
        });
        change(&mut header, &mut claims);
        encode(&header, &claims, &self.key).unwrap()
    }
}

fn jwks(signers: &[&Signer]) -> String {
    let keys = signers.iter().map(|signer| signer.public.clone()).collect();
    serde_json::to_string(&JwkSet { keys }).unwrap()
}

fn ring(signers: &[&Signer]) -> Arc<KeyRing> {
    let ring = Arc::new(KeyRing::default());
    ring.replace(VerifyingKeys::from_jwks(&jwks(signers)).unwrap());
    ring
}

fn verifier(signers: &[&Signer]) -> TokenVerifier {
    TokenVerifier::new(config(), ring(signers))
}

fn config() -> TokenConfig {
    TokenConfig {
        issuer: "messenger-accounts".to_owned(),
        audience: "messenger".to_owned(),
        leeway_seconds: 30,
        life_max_seconds: 86_400,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_valid_token_says_who_it_is() {
    for algorithm in [Algorithm::EdDSA, Algorithm::ES256] {
        let signer = Signer::new("k1", algorithm);
        let identity = verifier(&[&signer]).verify(&signer.token(|_, _| {}), at(NOW)).unwrap();
        let expected = Identity {
            user: UserId(7),
            name: Some("Patrick".into()),
            email: Some("p@mail.com".into()),
            session: SessionId(SESSION),
            expires_at: at(NOW + 900),
        };
        assert!(identity == expected, "{algorithm:?}");
        assert!(!format!("{identity:?}").contains("mail"), "no personal data in logs");
    }
}

#[test]
fn what_is_not_said_is_not_known() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let verifier = verifier(&[&signer]);
    let without = |claims: &mut Value| {
        claims.as_object_mut().unwrap().retain(|key, _| !["email", "firstName"].contains(&key.as_str()));
    };
    for change in [
        without as fn(&mut Value),
        |claims| claims["firstName"] = Value::Null,
        |claims| claims["firstName"] = "".into(),
    ] {
        let identity = verifier.verify(&signer.token(|_, claims| change(claims)), at(NOW)).unwrap();
        assert_eq!(identity.name, None);
    }
}

#[test]
fn times_have_a_leeway() {
    let signer = Signer::new("k1", Algorithm::EdDSA);
    let verifier = verifier(&[&signer]);
    let token = signer.token(|_, _| {});
    let check = |second| verifier.verify(&token, at(second)).map(|_| ());
    assert_eq!(check(NOW - 31), Err(AuthError::Claims), "issued in the future");
    assert_eq!(check(NOW - 30), Ok(()));
    assert_eq!(check(NOW + 929), Ok(()));
    assert_eq!(check(NOW + 930), Err(AuthError::Expired));
    let later = signer.token(|_, claims| claims["nbf"] = (NOW + 60).into());
    assert_eq!(verifier.verify(&later, at(NOW)).map(|_| ()), Err(AuthError::Claims));
    assert!(verifier.verify(&later, at(NOW + 30)).is_ok());
}
