//! Access tokens: JWTs (RFC 7519) signed with EdDSA, of the type `at+jwt` (RFC 9068, section 2.1).
//!
//! Beside the registered claims they carry `id`, `email` and `firstName`, which clients of the documented system read.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::Keys;
use crate::domain::{Bearer, Error, User, UserId};

/// Header `typ`: an access token, not to be confused with any other JWT.
const TYPE: &str = "at+jwt";
/// How far clocks of two machines may be apart, seconds.
const LEEWAY_SECONDS: i64 = 30;
/// Longest token that is looked at, bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// How long a copy of the public keys may be kept: a new key is put behind the signing one for at least this long.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);

/// Who issues tokens, for whom, and for how long.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    /// Claim `iss`.
    pub issuer: String,
    /// Claim `aud`.
    pub audience: String,
    /// Life of a token.
    pub ttl: Duration,
}

/// Signs and verifies access tokens.
#[derive(Debug)]
pub struct Tokens {
    /// Another set takes the place of this one while requests are served.
    keys: RwLock<Arc<Keys>>,
    config: TokenConfig,
    validation: Validation,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    exp: i64,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    jti: Uuid,
    sid: Uuid,
    id: i64,
    email: String,
    #[serde(rename = "firstName")]
    first_name: Option<String>,
}

impl Tokens {
    /// Tokens as `config` says, signed with `keys`.
    pub fn new(keys: Keys, config: TokenConfig) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library reads the machine's clock; the times are compared in `verify`, against the clock that is passed.
        validation.validate_exp = false;
        Self { keys: RwLock::new(Arc::new(keys)), config, validation }
    }

    /// The public keys: a JSON Web Key Set, newest first.
    ///
    /// # Errors
    /// [`Error::Internal`] when they cannot be written as JSON.
    pub fn jwks(&self, now: Timestamp) -> Result<String, Error> {
        let keys = self.keys().public(now, self.config.ttl);
        serde_json::to_string(&keys).map_err(|error| Error::Internal(error.into()))
    }

    /// Signs and verifies with other keys from now on. Says whether they are other ones.
    pub fn replace_keys(&self, keys: Keys) -> bool {
        let other = !self.keys().same_as(&keys);
        if other {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        }
        other
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Life of a token.
    pub fn ttl(&self) -> Duration {
        self.config.ttl
    }

    /// A token for one session of a user, valid for `life`, at most [`Tokens::ttl`].
    ///
    /// # Errors
    /// [`Error::Internal`] when signing fails.
    pub fn sign(
        &self,
        user: &User,
        session_id: Uuid,
        now: Timestamp,
        life: Duration,
    ) -> Result<String, Error> {
        let keys = self.keys();
        let key = keys.signing(now);
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.id.clone());
        let iat = now.as_second();
        let claims = Claims {
            iss: self.config.issuer.clone(),
            aud: self.config.audience.clone(),
            sub: user.uuid,
            exp: iat.saturating_add_unsigned(life.min(self.config.ttl).as_secs()),
            iat,
            nbf: None,
            jti: Uuid::new_v4(),
            sid: session_id,
            id: user.id.get(),
            email: user.profile.email.clone(),
            first_name: user.profile.first_name.clone(),
        };
        encode(&header, &claims, &key.signing).map_err(|error| Error::Internal(error.into()))
    }

    /// What a valid token says.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], whatever is wrong with it.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Bearer, Error> {
        self.claims(token, now)
            .filter(|claims| self.holds_at(claims, now.as_second()))
            .and_then(|claims| {
                let user_id = UserId::new(claims.id).ok()?;
                Some(Bearer { user_id, user_uuid: claims.sub, session_id: claims.sid })
            })
            .ok_or(Error::Unauthorized)
    }

    fn claims(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let header = decode_header(token).ok()?;
        // `crit` names what a verifier must understand, `zip` would make a small token large: we know neither.
        if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() || header.zip.is_some() {
            return None;
        }
        let keys = self.keys();
        let key = keys.find(header.kid.as_deref()?, now, self.config.ttl)?;
        Some(decode::<Claims>(token, &key.verifying, &self.validation).ok()?.claims)
    }

    fn holds_at(&self, claims: &Claims, now: i64) -> bool {
        let soon = now.saturating_add(LEEWAY_SECONDS);
        let begun = claims.iat <= soon && claims.nbf.is_none_or(|nbf| nbf <= soon);
        let life = claims.exp.saturating_sub(claims.iat);
        // One that claims a longer life was not made by us as we are configured.
        let short = u64::try_from(life).is_ok_and(|life| life <= self.config.ttl.as_secs());
        begun && short && now < claims.exp.saturating_add(LEEWAY_SECONDS)
    }
}

#[cfg(test)]
mod tests;
