//! The keys that verify tokens: fetched, kept, fetched again.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::Code;

use super::*;
use crate::auth::{AuthError, KeyRing, TokenConfig, TokenVerifier};

/// The key of RFC 8037, appendix A.
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// `{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}` with no claims and no signature.
const BY_K1: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.e30.AAAA";
/// The same with another key id, `k2`.
const BY_K2: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsyIn0.e30.AAAA";

struct Fetching {
    server: FakeAccounts,
    ring: Arc<KeyRing>,
    verifier: TokenVerifier,
}

impl Fetching {
    fn start(server: FakeAccounts) -> Self {
        let (config, ring) = (config(&server.url), Arc::new(KeyRing::default()));
        refresh_keys(Accounts::new(&config).unwrap(), Arc::clone(&ring), config.keys_interval, &Tasks::new());
        let tokens = TokenConfig {
            issuer: "iss".to_owned(),
            audience: "aud".to_owned(),
            leeway_seconds: 30,
            life_max_seconds: 900,
        };
        Self { server, verifier: TokenVerifier::new(tokens, Arc::clone(&ring)), ring }
    }

    /// With keys, and the answer of the first fetch received.
    async fn ready() -> Self {
        let server = FakeAccounts::start();
        server.set_keys(KEYS, 0);
        let fetching = Self::start(server);
        fetching.wait(fetching.ring.ready()).await;
        fetching
    }

    async fn wait(&self, event: impl Future<Output = ()>) {
        tokio::time::timeout(20 * SECOND, event).await.expect("it happens in time");
    }

    /// Looks again and again; the fetching task runs in between.
    async fn until(&self, condition: impl Fn() -> bool) {
        self.wait(async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    fn verify(&self, token: &str) -> AuthError {
        self.verifier.verify(token, Timestamp::UNIX_EPOCH).map(|_| ()).unwrap_err()
    }
}

#[tokio::test]
async fn keys_are_fetched_until_there_are_some() {
    let server = FakeAccounts::start();
    server.set_keys("{}", 0);
    server.fail_next(1, Code::Internal);
    let fetching = Fetching::start(server);
    fetching.wait(fetching.server.called(2)).await;
    assert!(!fetching.ring.is_ready());
    assert_eq!(fetching.verify(BY_K1), AuthError::NoKeys);
    fetching.server.set_keys(KEYS, 0);
    fetching.wait(fetching.ring.ready()).await;
    assert_eq!(fetching.verify(BY_K1), AuthError::Signature, "the key is known, the signature wrong");
}

#[tokio::test]
async fn keys_are_fetched_again_after_the_interval() {
    let fetching = Fetching::ready().await;
    pass(300 * SECOND).await;
    fetching.wait(fetching.server.called(2)).await;
    let [first, second] = &fetching.server.calls()[..] else { panic!("two fetches") };
    assert!(second.at - first.at >= 300 * SECOND);
}

#[tokio::test]
async fn an_unknown_key_is_fetched_soon_but_not_too_often() {
    let fetching = Fetching::ready().await;
    for _ in 0..100 {
        assert_eq!(fetching.verify(BY_K2), AuthError::UnknownKey);
    }
    pass(4 * SECOND).await;
    fetching.server.set_keys(&KEYS.replace("k1", "k2"), 0);
    pass(SECOND).await;
    fetching.until(|| fetching.verify(BY_K2) == AuthError::Signature).await;
    assert_eq!(fetching.verify(BY_K1), AuthError::UnknownKey, "the set is replaced as a whole");
    let [first, second] = &fetching.server.calls()[..] else { panic!("two fetches") };
    assert!((5 * SECOND..60 * SECOND).contains(&(second.at - first.at)));
}

#[tokio::test]
async fn an_outage_does_not_cost_the_keys() {
    let fetching = Fetching::ready().await;
    fetching.server.set_keys(r#"{"keys":[]}"#, 0);
    pass(301 * SECOND).await;
    fetching.wait(fetching.server.called(2)).await;
    fetching.server.fail_next(u32::MAX, Code::Internal);
    fetching.wait(fetching.server.called(4)).await;
    assert_eq!(fetching.verify(BY_K1), AuthError::Signature);
}
