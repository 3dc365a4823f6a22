//! The Ed25519 keys that sign and verify tokens, and their public form.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use pem::Pem;

/// Label of a PKCS#8 private key in PEM.
const PEM_LABEL: &str = "PRIVATE KEY";
/// Keys at once: the one that signs and a few that are on their way out.
const KEYS_MAX: usize = 8;

/// Why keys cannot be used. Nothing of the key is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or no block in it.
    #[error("not a PEM text with a private key")]
    NotPem,
    /// A block that is not an Ed25519 private key.
    #[error("not an Ed25519 private key in PKCS#8 form")]
    NotEd25519,
    /// More keys than anybody needs.
    #[error("more than {KEYS_MAX} keys")]
    TooMany,
    /// The library failed to make a key.
    #[error("a key cannot be generated")]
    Generate,
}

/// A key pair with its id.
#[derive(Debug)]
pub(super) struct Key {
    /// RFC 7638 thumbprint of the public key.
    pub(super) id: String,
    pub(super) signing: EncodingKey,
    pub(super) verifying: DecodingKey,
    public: Jwk,
}

/// One or more keys. The first signs; all of them verify, so that a new key can be put in front of an old one.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads the blocks of a PEM text, newest first.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::parse_many(text).map_err(|_| KeyError::NotPem)?;
        if blocks.is_empty() {
            return Err(KeyError::NotPem);
        }
        if blocks.len() > KEYS_MAX {
            return Err(KeyError::TooMany);
        }
        blocks.iter().map(Key::from_block).collect::<Result<_, _>>().map(Self)
    }

    /// The key that signs.
    pub(super) fn signing(&self) -> &Key {
        &self.0[0]
    }

    /// The key with this id.
    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The public keys as a JSON Web Key Set (RFC 7517), newest first.
    pub(super) fn public(&self) -> JwkSet {
        JwkSet { keys: self.0.iter().map(|key| key.public.clone()).collect() }
    }
}

impl Key {
    fn from_block(block: &Pem) -> Result<Self, KeyError> {
        if block.tag() != PEM_LABEL {
            return Err(KeyError::NotEd25519);
        }
        let pair = Ed25519KeyPair::from_pkcs8(block.contents()).map_err(|_| KeyError::NotEd25519)?;
        // One form for all: version 1 holds the private key only, which is what the token library measures.
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::NotEd25519)?;
        let signing = EncodingKey::from_ed_der(der.as_ref());
        let verifying = DecodingKey::from_ed_der(pair.public_key().as_ref());
        let mut public =
            Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(|_| KeyError::NotEd25519)?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::NotEd25519)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { id, signing, verifying, public })
    }
}

/// A new key as PEM.
///
/// # Errors
/// [`KeyError::Generate`].
pub(super) fn generate_pem() -> Result<String, KeyError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
    let der = pair.to_pkcs8v1().map_err(|_| KeyError::Generate)?;
    Ok(pem::encode(&Pem::new(PEM_LABEL, der.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A, as `openssl pkey` writes it.
    const RFC_8037: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_key_id_is_the_thumbprint() {
        let keys = Keys::from_pem(RFC_8037).unwrap();
        assert_eq!(keys.signing().id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let public = serde_json::to_value(keys.public()).unwrap();
        assert_eq!(public["keys"][0]["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public["keys"][0]["kid"], keys.signing().id);
        assert_eq!(public["keys"][0]["kty"], "OKP");
        assert_eq!(public["keys"][0]["use"], "sig");
        assert_eq!(public["keys"][0].get("d"), None);
    }

    #[test]
    fn several_keys_keep_their_order() {
        let newer = generate_pem().unwrap();
        let keys = Keys::from_pem(&format!("{newer}{RFC_8037}")).unwrap();
        assert_eq!(keys.signing().id, Keys::from_pem(&newer).unwrap().signing().id);
        assert_eq!(keys.public().keys.len(), 2);
        assert!(keys.find("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").is_some());
        assert!(keys.find("").is_none());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let check = |text: &str, expected| assert_eq!(Keys::from_pem(text).unwrap_err(), expected);
        check("", KeyError::NotPem);
        check("hunter2", KeyError::NotPem);
        check("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::NotEd25519);
        check(&RFC_8037.replace("PRIVATE KEY", "PUBLIC KEY"), KeyError::NotEd25519);
        check(&RFC_8037.repeat(9), KeyError::TooMany);
    }

    #[test]
    fn keys_do_not_print() {
        let printed = format!("{:?}", Keys::from_pem(RFC_8037).unwrap());
        assert!(!printed.contains("157, 97, 177"), "{printed}");
    }
}
