//! The Ed25519 keys that sign and verify tokens, and their public form.
//!
//! Their text is PEM, newest first. A line `signs-from: <time>` above a key says when it takes over from the older ones, so
//! that everybody who has read the text changes at the same moment, and nobody verifies with a key for longer than it is
//! needed.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use pem::Pem;
use secrecy::{ExposeSecret as _, SecretString};

/// Label of a PKCS#8 private key in PEM.
const PEM_LABEL: &str = "PRIVATE KEY";
/// What stands above a key that did not always sign.
const SIGNS_FROM: &str = "signs-from:";
/// How much longer than its tokens live a key is kept: clocks differ, and files are read again now and then.
const LEEWAY: Duration = Duration::from_mins(2);
/// Keys at once: the one that signs and a few that are on their way out.
pub(super) const KEYS_MAX: usize = 8;

/// Why keys cannot be used. Nothing of the key is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or no block in it.
    #[error("not a PEM text with a private key")]
    NotPem,
    /// A block that is not an Ed25519 private key.
    #[error("not an Ed25519 private key in PKCS#8 form")]
    NotEd25519,
    /// A line that says since when a key signs, and does not.
    #[error("a line `{SIGNS_FROM}` without a time")]
    NoTime,
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
    /// When it began or begins to sign; absent if it always did.
    pub(super) signs_from: Option<Timestamp>,
    /// When a newer one took or takes over, if that is known.
    superseded_at: Option<Timestamp>,
    public: Jwk,
    pem: SecretString,
}

/// One or more keys, newest first. The newest that has begun to sign does; older ones verify for a while, those to come
/// are published already.
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
        let times = times(text)?;
        if times.len() != blocks.len() {
            return Err(KeyError::NotPem);
        }
        let mut superseded_at: Option<Timestamp> = None;
        let key = |(block, signs_from): (&Pem, Option<Timestamp>)| {
            let key = Key::from_block(block, signs_from, superseded_at)?;
            superseded_at = [superseded_at, signs_from].into_iter().flatten().min();
            Ok(key)
        };
        blocks.iter().zip(times).map(key).collect::<Result<_, _>>().map(Self)
    }

    /// The text that [`Keys::from_pem`] reads.
    pub(super) fn to_pem(&self) -> SecretString {
        let mut text = String::new();
        for key in &self.0 {
            if let Some(time) = key.signs_from {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{SIGNS_FROM} {time:.0}");
            }
            text.push_str(key.pem.expose_secret());
        }
        text.into()
    }

    /// The key that signs.
    pub(super) fn signing(&self, now: Timestamp) -> &Key {
        let signs = |key: &&Key| key.signs_from.is_none_or(|time| time <= now);
        self.0.iter().find(signs).unwrap_or(&self.0[self.0.len() - 1])
    }

    /// The key with this id, unless what it signed last has expired: `life` is that of a token.
    pub(super) fn find(&self, id: &str, now: Timestamp, life: Duration) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id && key.verifies(now, life))
    }

    /// The public keys as a JSON Web Key Set (RFC 7517), newest first.
    pub(super) fn public(&self, now: Timestamp, life: Duration) -> JwkSet {
        let verifying = self.0.iter().filter(|key| key.verifies(now, life));
        JwkSet { keys: verifying.map(|key| key.public.clone()).collect() }
    }

    /// One key alone.
    pub(super) fn of(key: Key) -> Self {
        Self(vec![key])
    }

    /// The newest key.
    pub(super) fn newest(&self) -> &Key {
        &self.0[0]
    }

    /// All keys, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// These keys behind a new one that signs from a moment on, without those that verify nothing any more.
    pub(super) fn followed_by(self, newest: Key, now: Timestamp, life: Duration) -> Self {
        let kept = self.0.into_iter().filter(|key| key.verifies(now, life));
        Self(std::iter::once(newest).chain(kept).collect())
    }

    /// Whether these are the same keys, with the same times.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.0
            .iter()
            .map(|key| (&key.id, key.signs_from))
            .eq(other.0.iter().map(|key| (&key.id, key.signs_from)))
    }
}

/// The line above each block, in their order.
fn times(text: &str) -> Result<Vec<Option<Timestamp>>, KeyError> {
    let (mut times, mut time) = (Vec::new(), None);
    for line in text.lines() {
        if let Some(text) = line.strip_prefix(SIGNS_FROM) {
            time = Some(text.trim().parse().map_err(|_| KeyError::NoTime)?);
        } else if line.trim_start().starts_with("-----BEGIN ") {
            times.push(time.take());
        }
    }
    Ok(times)
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::Generate`].
    pub(super) fn generate(signs_from: Option<Timestamp>) -> Result<Self, KeyError> {
        let block = pem::parse(generate_pem()?).map_err(|_| KeyError::Generate)?;
        Self::from_block(&block, signs_from, None)
    }

    /// When a newer key has been signing for so long that nothing is left for this one to verify.
    pub(super) fn verifies_until(&self, life: Duration) -> Option<Timestamp> {
        self.superseded_at?.saturating_add(life + LEEWAY).ok()
    }

    fn verifies(&self, now: Timestamp, life: Duration) -> bool {
        self.verifies_until(life).is_none_or(|end| now < end)
    }

    fn from_block(
        block: &Pem,
        signs_from: Option<Timestamp>,
        superseded_at: Option<Timestamp>,
    ) -> Result<Self, KeyError> {
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
        let pem = pem::encode(block).into();
        Ok(Self { id, signing, verifying, signs_from, superseded_at, public, pem })
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

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const LIFE: Duration = Duration::from_secs(900);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(NOW.as_second() + second).unwrap()
    }

    #[test]
    fn keys_follow_each_other_by_the_clock() {
        let old = Keys::from_pem(RFC_8037).unwrap();
        let old_id = old.newest().id.clone();
        let keys = old.followed_by(Key::generate(Some(at(600))).unwrap(), NOW, LIFE);
        let new_id = keys.newest().id.clone();
        let keys = Keys::from_pem(keys.to_pem().expose_secret()).unwrap();
        let end = 600 + 900 + 120;
        let check = |second, signs: &String, published: usize| {
            assert_eq!(keys.signing(at(second)).id, *signs, "{second}");
            assert_eq!(keys.public(at(second), LIFE).keys.len(), published, "{second}");
            assert_eq!(keys.find(&old_id, at(second), LIFE).is_some(), published == 2, "{second}");
            assert!(keys.find(&new_id, at(second), LIFE).is_some(), "{second}");
        };
        check(0, &old_id, 2);
        check(599, &old_id, 2);
        check(600, &new_id, 2);
        check(end - 1, &new_id, 2);
        check(end, &new_id, 1);
        let later = keys.followed_by(Key::generate(Some(at(end + 600))).unwrap(), at(end), LIFE);
        assert_eq!(later.iter().count(), 2, "the oldest is dropped");
    }

    #[test]
    fn a_lone_key_signs_whenever_it_was_meant_to() {
        let keys = Keys::from_pem(&format!("signs-from: 2099-01-01T00:00:00Z\n{RFC_8037}")).unwrap();
        assert_eq!(keys.signing(NOW).id, keys.newest().id);
        let wrong = format!("signs-from: tomorrow\n{RFC_8037}");
        assert_eq!(Keys::from_pem(&wrong).unwrap_err(), KeyError::NoTime);
    }

    #[test]
    fn the_key_id_is_the_thumbprint() {
        let keys = Keys::from_pem(RFC_8037).unwrap();
        assert_eq!(keys.signing(NOW).id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let public = serde_json::to_value(keys.public(NOW, LIFE)).unwrap();
        assert_eq!(public["keys"][0]["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public["keys"][0]["kid"], keys.signing(NOW).id);
        assert_eq!(public["keys"][0]["kty"], "OKP");
        assert_eq!(public["keys"][0]["use"], "sig");
        assert_eq!(public["keys"][0].get("d"), None);
    }

    #[test]
    fn several_keys_keep_their_order() {
        let newer = generate_pem().unwrap();
        let keys = Keys::from_pem(&format!("{newer}{RFC_8037}")).unwrap();
        assert_eq!(keys.signing(NOW).id, Keys::from_pem(&newer).unwrap().signing(NOW).id);
        assert_eq!(keys.public(NOW, LIFE).keys.len(), 2);
        assert!(keys.find("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", NOW, LIFE).is_some());
        assert!(keys.find("", NOW, LIFE).is_none());
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
