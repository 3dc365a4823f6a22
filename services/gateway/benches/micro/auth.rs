//! Tokens, as every handshake brings one.

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use criterion::Criterion;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use messenger_gateway::auth::{KeyRing, TokenConfig, TokenVerifier, VerifyingKeys};
use serde_json::json;

use crate::samples::at;

/// Id of the key, as long as those of accounts.
const KEY: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

pub(crate) fn measure(criterion: &mut Criterion) -> anyhow::Result<()> {
    let pair = Ed25519KeyPair::generate()?;
    let key = EncodingKey::from_ed_der(pair.to_pkcs8v1()?.as_ref());
    let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA)?;
    public.common.key_id = Some(KEY.to_owned());
    let keys = Arc::new(KeyRing::default());
    keys.replace(VerifyingKeys::from_jwks(&serde_json::to_string(&JwkSet { keys: vec![public] })?)?);
    let (now, token) = (at(), token(&key)?);
    let config = TokenConfig {
        issuer: "messenger-accounts".to_owned(),
        audience: "messenger".to_owned(),
        leeway_seconds: 30,
        life_max_seconds: 86_400,
    };
    let verifier = TokenVerifier::new(config, keys);
    verifier.verify(&token, now)?;
    criterion.bench_function("verify a token", |bencher| {
        bencher.iter(|| verifier.verify(black_box(&token), now));
    });
    Ok(())
}

/// With the claims that accounts writes.
fn token(key: &EncodingKey) -> anyhow::Result<String> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(KEY.to_owned());
    let now = at().as_second();
    let claims = json!({
        "iss": "messenger-accounts", "aud": "messenger", "sub": "01907b2c-5c3e-7d4f-8a9b-0c1d2e3f4a5b",
        "exp": now + 900, "iat": now, "jti": "01907b2c-5c3e-7d4f-8a9b-0c1d2e3f4a5c",
        "sid": "01907b2c-5c3e-7d4f-8a9b-0c1d2e3f4a5d", "id": 4_711, "email": "p@mail.example",
        "firstName": "Patrick",
    });
    Ok(encode(&header, &claims, key)?)
}
