//! Refresh tokens: `mrt_` and, in base64url, the id of the session, a secret that all its tokens share, and one of the
//! token's own.
//!
//! The database has digests only. A successor is made from the token that is shown and a random salt, so the same token
//! can get the same successor again without any secret being stored, and a copy of the database makes none.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::domain::{Digest, Error, RefreshState, Salt, Verdict};

/// What tells a refresh token from any other, for people and for scanners of leaked secrets.
const PREFIX: &str = "mrt_";
/// Bytes of a secret: nobody guesses 256 bits.
const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 16;
const TOKEN_BYTES: usize = ID_BYTES + 2 * SECRET_BYTES;
/// Letters of a token, [`PREFIX`] included.
const TOKEN_CHARS: usize = PREFIX.len() + (TOKEN_BYTES * 8).div_ceil(6);
/// What the derivation is for.
const LABEL: &[u8] = b"messenger refresh token successor v1";

/// A refresh token. Wiped from memory when dropped.
#[derive(Clone)]
pub struct RefreshToken {
    session_id: Uuid,
    family: Zeroizing<[u8; SECRET_BYTES]>,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl RefreshToken {
    /// The first token of a session.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no randomness.
    pub fn new(session_id: Uuid) -> Result<Self, Error> {
        Ok(Self { session_id, family: Zeroizing::new(random()?), secret: Zeroizing::new(random()?) })
    }

    /// A token as a client sent it; `None` for anything else. Every token has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_CHARS {
            return None;
        }
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        let read = URL_SAFE_NO_PAD.decode_slice(text.strip_prefix(PREFIX)?, bytes.as_mut_slice()).ok()?;
        let (id, secrets) = bytes.get(..read)?.split_first_chunk::<ID_BYTES>()?;
        let (family, secret) = secrets.split_first_chunk::<SECRET_BYTES>()?;
        Some(Self {
            session_id: Uuid::from_bytes(*id),
            family: Zeroizing::new(*family),
            secret: Zeroizing::new(secret.try_into().ok()?),
        })
    }

    /// The token for its client.
    pub fn expose(&self) -> String {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        let (id, secrets) = bytes.split_at_mut(ID_BYTES);
        let (family, secret) = secrets.split_at_mut(SECRET_BYTES);
        id.copy_from_slice(self.session_id.as_bytes());
        family.copy_from_slice(self.family.as_slice());
        secret.copy_from_slice(self.secret.as_slice());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// The session that it names.
    pub fn session_id(&self) -> Uuid {
        self.session_id
    }

    /// What is stored of the shared secret and of its own.
    pub fn digests(&self) -> (Digest, Digest) {
        (sha256(self.family.as_slice()), sha256(self.secret.as_slice()))
    }

    /// The token that follows, the same for the same salt.
    ///
    /// # Errors
    /// [`Error::Internal`], never in practice: the secrets have one length.
    pub fn successor(&self, salt: &Salt) -> Result<Self, Error> {
        let mut message = [0; LABEL.len() + SECRET_BYTES];
        let (label, rest) = message.split_at_mut(LABEL.len());
        label.copy_from_slice(LABEL);
        rest.copy_from_slice(salt);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_slice()), &message);
        let secret = tag.as_ref().try_into().map_err(|_| Error::Internal("length of a MAC".into()))?;
        Ok(Self { session_id: self.session_id, family: self.family.clone(), secret: Zeroizing::new(secret) })
    }

    /// What the token is worth to the session it names. One that was spent within `grace` of `now` is good once more.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no randomness.
    pub fn judge(&self, stored: &RefreshState, now: Timestamp, grace: Duration) -> Result<Verdict, Error> {
        let (family, secret) = self.digests();
        if !equal(&family, &stored.family) {
            return Ok(Verdict::Foreign);
        }
        if equal(&secret, &stored.current) {
            let salt = random()?;
            let (_, successor) = self.successor(&salt)?.digests();
            return Ok(Verdict::Rotate { successor, salt });
        }
        Ok(match &stored.previous {
            Some(previous)
                if equal(&secret, &previous.digest)
                    && previous.rotated_at.saturating_add(grace).is_ok_and(|end| now <= end) =>
            {
                Verdict::Repeat { salt: previous.salt }
            }
            _ => Verdict::Spent,
        })
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; SECRET_BYTES];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

fn equal(one: &Digest, other: &Digest) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

fn random() -> Result<[u8; SECRET_BYTES], Error> {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).map_err(|_| Error::Internal("no randomness".into()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
