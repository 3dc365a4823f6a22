//! What a handshake carries: nobody without our key gets in.

use std::sync::{Arc, LazyLock};

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use jiff::Timestamp;
use messenger_gateway::auth::{KeyRing, TokenConfig, TokenVerifier, VerifyingKeys, credentials};

/// The public key of RFC 8037, appendix A.2. Its private half is published there, and nobody uses it.
const KEYS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig", "alg": "EdDSA",
                                 "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(|| {
    let keys = KeyRing::default();
    keys.replace(VerifyingKeys::from_jwks(KEYS).unwrap_or_else(|error| panic!("{error}")));
    let config = TokenConfig {
        issuer: "messenger-accounts".to_owned(),
        audience: "messenger".to_owned(),
        leeway_seconds: 30,
        life_max_seconds: 86_400,
    };
    TokenVerifier::new(config, Arc::new(keys))
});

/// A token that is no signature of our key's opens nothing, whatever its header and claims say.
pub(crate) fn token(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let now = Timestamp::from_second(1_800_000_000).unwrap_or_default();
    assert!(VERIFIER.verify(token, now).is_err(), "{token} was let in");
}

/// A set of keys that is taken has a key, and does not make strangers' tokens ours.
pub(crate) fn key_set(bytes: &[u8]) {
    let Ok(json) = std::str::from_utf8(bytes) else { return };
    if let Ok(keys) = VerifyingKeys::from_jwks(json) {
        let ring = KeyRing::default();
        ring.replace(keys);
        assert!(ring.is_ready());
    }
}

/// The first line is `Authorization`, the others are `Sec-WebSocket-Protocol`: the token is a part of one of them, and the
/// answer repeats only names of ours.
pub(crate) fn handshake(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate().take(8) {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        let name = if number == 0 { AUTHORIZATION } else { SEC_WEBSOCKET_PROTOCOL };
        headers.append(name, value);
    }
    let Ok(found) = credentials(&headers) else { return };
    assert!(
        !found.token.is_empty() && !found.token.contains([' ', ',']) || headers.contains_key(AUTHORIZATION)
    );
    assert!(headers.values().any(|value| value.to_str().is_ok_and(|text| text.contains(found.token))));
    assert!(found.subprotocol.is_none_or(|name| ["auth", "messenger.v2"].contains(&name)));
    assert!(!format!("{found:?}").contains(found.token) || found.token.len() < 16, "a token prints");
}
