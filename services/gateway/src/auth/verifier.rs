//! Access tokens: JWTs (RFC 7519) of the type `at+jwt` (RFC 9068), signed with EdDSA, or ES256 if the key says so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use messenger_chassis::env::Env;
use serde::Deserialize;
use uuid::Uuid;

use super::keys::KeyRing;
use super::{AuthError, Identity};
use crate::domain::ids::{SessionId, UserId};

/// Longest token that is looked at, bytes.
const TOKEN_BYTES_MAX: usize = 4_096;
/// Header `typ` of an access token, and its long form.
const TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// Whose tokens are accepted.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// Claim `iss`.
    pub issuer: String,
    /// Claim `aud`.
    pub audience: String,
    /// How far the clocks of two machines may be apart, seconds.
    pub leeway_seconds: i64,
    /// Longest life of a token, seconds: one that claims more was not made by our accounts.
    pub life_max_seconds: i64,
}

impl TokenConfig {
    /// How long after the end of a session a token of it may still look valid: its life, and what three clocks may be apart.
    pub fn outlives(&self) -> Duration {
        let seconds = self.life_max_seconds.saturating_add(self.leeway_seconds.saturating_mul(3));
        Duration::from_secs(seconds.unsigned_abs())
    }

    /// Reads the keys `GATEWAY_TOKEN_…`.
    pub fn read(env: &mut Env<'_>) -> Self {
        Self {
            issuer: env.text(
                "GATEWAY_TOKEN_ISSUER",
                "messenger-accounts",
                "issuer of the tokens that are accepted",
            ),
            audience: env.text(
                "GATEWAY_TOKEN_AUDIENCE",
                "messenger",
                "audience of the tokens that are accepted",
            ),
            leeway_seconds: env.within(
                "GATEWAY_TOKEN_LEEWAY_SECONDS",
                30,
                0..=60,
                "seconds that the clocks of two machines may be apart",
            ),
            life_max_seconds: env.within(
                "GATEWAY_TOKEN_LIFE_MAX_SECONDS",
                900,
                60..=31_536_000,
                "longest life in seconds that a token may claim",
            ),
        }
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub struct TokenVerifier {
    config: TokenConfig,
    keys: Arc<KeyRing>,
}

/// The claims that are looked at. Each must be there and of its type, but for the `Option`s.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    sid: Uuid,
    id: i64,
    email: Option<String>,
    #[serde(rename = "firstName")]
    first_name: Option<String>,
}

impl TokenVerifier {
    /// A verifier with the keys of `keys` as they are at each call.
    pub fn new(config: TokenConfig, keys: Arc<KeyRing>) -> Self {
        Self { config, keys }
    }

    /// What a token says, if accounts made it for us and it is valid at `now`.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, AuthError> {
        let claims = self.claims(token)?;
        self.check(&claims, now.as_second())?;
        Ok(Identity {
            user: UserId(claims.id),
            name: claims.first_name.filter(|name| !name.is_empty()).map(Arc::from),
            email: claims.email.filter(|email| !email.is_empty()).map(Arc::from),
            session: SessionId(claims.sid),
            expires_at: Timestamp::from_second(claims.exp).map_err(|_| AuthError::Claims)?,
        })
    }

    /// The claims of a token whose signature is right.
    fn claims(&self, token: &str) -> Result<Claims, AuthError> {
        if !self.keys.is_ready() {
            return Err(AuthError::NoKeys);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let header = decode_header(token).map_err(|_| AuthError::Malformed)?;
        let is_access_token = header.typ.as_deref().is_some_and(|typ| TYPES.contains(&typ));
        // `crit` names what a verifier must understand, `zip` would make a small token large: we know neither.
        if !is_access_token || header.crit.is_some() || header.zip.is_some() {
            return Err(AuthError::Malformed);
        }
        let id = header.kid.as_deref().ok_or(AuthError::UnknownKey)?;
        let key = self.keys.find(id).ok_or(AuthError::UnknownKey)?;
        let verified = decode::<Claims>(token, &key.key, &signature_only(key.algorithm));
        verified.map(|token| token.claims).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => AuthError::Claims,
            _ => AuthError::Signature,
        })
    }

    fn check(&self, claims: &Claims, now: i64) -> Result<(), AuthError> {
        let TokenConfig { issuer, audience, leeway_seconds, life_max_seconds } = &self.config;
        let soon = now.saturating_add(*leeway_seconds);
        let life = claims.exp.saturating_sub(claims.iat);
        let begun = claims.iat <= soon && claims.nbf.is_none_or(|nbf| nbf <= soon);
        let ours = claims.iss == *issuer && claims.aud == *audience;
        if !ours || !begun || life > *life_max_seconds || claims.id < 1 {
            return Err(AuthError::Claims);
        }
        let over = now >= claims.exp.saturating_add(*leeway_seconds);
        if over { Err(AuthError::Expired) } else { Ok(()) }
    }
}

/// The library checks the signature alone, with the key's own algorithm, whatever the header names. Of the claims it would
/// accept an array that contains our audience, and it reads the machine's clock: [`TokenVerifier::check`] compares
/// exactly, and with the time that it is given.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}
