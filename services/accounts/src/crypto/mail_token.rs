//! Tokens that a letter brings: 256 random bits, of which only a hash is stored.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::Error;

/// Random bytes of a token.
const BYTES: usize = 32;

/// What its reader shows as a proof that a letter reached him. Does not print.
#[derive(Debug, Clone)]
pub struct MailToken(SecretString);

impl MailToken {
    /// A new token.
    ///
    /// # Errors
    /// [`Error::Internal`]: the system gives no random numbers.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).map_err(|error| Error::Internal(error.into()))?;
        let mut text = String::with_capacity(2 * BYTES);
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text.into()))
    }

    /// A token as it was typed or followed; `None` when it can be none.
    pub fn given(text: &str) -> Option<Self> {
        let is_one = text.len() == 2 * BYTES && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(text.to_owned().into()))
    }

    /// What is stored: a stolen database opens nothing. The token is random, so a plain hash is enough.
    pub fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.0.expose_secret().as_bytes()).as_ref().to_vec()
    }

    /// The token itself, for the letter.
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_are_read_back() {
        let [one, two] = [MailToken::random().unwrap(), MailToken::random().unwrap()];
        assert_ne!(one.hash(), two.hash());
        let text = one.0.expose_secret();
        assert_eq!(MailToken::given(text).unwrap().hash(), one.hash());
        assert!(!format!("{one:?}").contains(text));
        for text in ["", "7", &"g".repeat(64), &"a".repeat(63), &"A".repeat(64), &"é".repeat(32)] {
            assert!(MailToken::given(text).is_none(), "{text}");
        }
    }
}
