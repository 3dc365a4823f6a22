//! The public keys of accounts, by id, replaced as a whole while sockets are being verified.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::{Notify, watch};

/// Keys taken from one set at most.
const KEYS_MAX: usize = 32;

/// A public key and the one algorithm that it is good for.
#[derive(Debug)]
pub(super) struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A set of public keys.
#[derive(Debug)]
pub struct VerifyingKeys(HashMap<String, Arc<VerifyingKey>>);

/// Why a set of keys is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON Web Key Set.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// No key of a kind that is accepted here, or more keys than anybody needs.
    #[error("no usable key, or more than {KEYS_MAX}")]
    Unusable,
}

/// Read one by one, so that a key of a kind that is not known here does not cost the others.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl VerifyingKeys {
    /// Reads a JSON Web Key Set (RFC 7517). Ed25519 keys are taken, and P-256 keys that say `"alg": "ES256"`; others are
    /// passed over.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn from_jwks(json: &str) -> Result<Self, KeySetError> {
        let set: Set = serde_json::from_str(json).map_err(|_| KeySetError::Malformed)?;
        if set.keys.len() > KEYS_MAX {
            return Err(KeySetError::Unusable);
        }
        let read = |value| serde_json::from_value::<Jwk>(value).ok().as_ref().and_then(verifying);
        let keys: HashMap<_, _> = set.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() { Err(KeySetError::Unusable) } else { Ok(Self(keys)) }
    }
}

/// A key with its id, if it is one that may verify tokens here.
fn verifying(jwk: &Jwk) -> Option<(String, Arc<VerifyingKey>)> {
    let stated = jwk.common.key_algorithm;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair)
            if pair.curve == EllipticCurve::Ed25519 && stated.is_none_or(|it| it == KeyAlgorithm::EdDSA) =>
        {
            Algorithm::EdDSA
        }
        AlgorithmParameters::EllipticCurve(curve)
            if curve.curve == EllipticCurve::P256 && stated == Some(KeyAlgorithm::ES256) =>
        {
            Algorithm::ES256
        }
        _ => return None,
    };
    let for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let id = jwk.common.key_id.clone().filter(|_| for_signatures)?;
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((id, Arc::new(VerifyingKey { algorithm, key })))
}

/// The keys in use. Somebody else fetches them: see [`KeyRing::wanted`].
#[derive(Debug)]
pub struct KeyRing {
    keys: RwLock<Arc<VerifyingKeys>>,
    ready: watch::Sender<bool>,
    wanted: Notify,
}

impl Default for KeyRing {
    fn default() -> Self {
        let keys = RwLock::new(Arc::new(VerifyingKeys(HashMap::new())));
        Self { keys, ready: watch::Sender::new(false), wanted: Notify::new() }
    }
}

impl KeyRing {
    /// Takes a new set in the place of the old one.
    pub fn replace(&self, keys: VerifyingKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.ready.send_replace(true);
    }

    /// Whether there are keys at all.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until there are keys.
    pub async fn ready(&self) {
        // The sender is part of `self`, so that waiting cannot fail.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Waits until a token came with the id of a key that is not here: time to fetch the set again.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The key of this id. When it is missing, a fetch is asked for.
    pub(super) fn find(&self, id: &str) -> Option<Arc<VerifyingKey>> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let found = keys.0.get(id).cloned();
        if found.is_none() {
            self.wanted.notify_one();
        }
        found
    }
}
