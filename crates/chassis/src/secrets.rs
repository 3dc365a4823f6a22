//! What a secret must be worth before a process starts with it. It judges texts, and repeats none of them.

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::str::FromStr;

/// Fewest bytes of a secret that services share: 16 random ones in hexadecimal.
pub const SECRET_BYTES_MIN: usize = 32;

/// Fewest different bytes of such a secret: 32 random hexadecimal digits have fewer once in ten million times.
const DIFFERENT_MIN: usize = 8;
/// Longest piece that, repeated, is no secret.
const PIECE_MAX: usize = 12;

/// Words of examples and of those who mean to choose one later.
const PLACEHOLDERS: [&str; 12] = [
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "placeholder",
    "password",
    "example",
    "insecure",
    "messenger",
    "secret-token",
    "your-secret",
];

/// Passwords that stand in manuals and in everybody's first attempt.
const KNOWN: [&str; 14] = [
    "postgres", "redis", "valkey", "default", "secret", "admin", "root", "test", "guest", "pass", "token",
    "123456", "12345678", "qwerty",
];

/// How strict a process is about its own configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Secrets are there and worth their name, or nothing starts.
    #[default]
    Production,
    /// Whatever is missing is done without.
    Development,
}

/// Neither of the two modes.
#[derive(Debug, thiserror::Error)]
#[error("production or development")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err(UnknownMode),
        }
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Development => "development",
        })
    }
}

/// Why a secret that services share is none.
pub fn weakness_of_token(token: &str) -> Option<&'static str> {
    let bytes = token.as_bytes();
    if bytes.len() < SECRET_BYTES_MIN {
        return Some("must have at least 32 bytes");
    }
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Some("must be of visible ASCII characters");
    }
    if holds_placeholder(token) {
        return Some("is a placeholder: make a random one");
    }
    let different: HashSet<_> = bytes.iter().collect();
    if different.len() < DIFFERENT_MIN || (1..=PIECE_MAX).any(|piece| repeats(bytes, piece)) {
        return Some("is evidently not random");
    }
    None
}

/// Why the password that goes with a name at a server is none.
pub fn weakness_of_password(name: &str, password: &str) -> Option<&'static str> {
    let lower = password.to_ascii_lowercase();
    if password.is_empty() {
        return Some("has no password");
    }
    if lower == name.to_ascii_lowercase() {
        return Some("has a password that is the user's name");
    }
    if KNOWN.contains(&&*lower) || holds_placeholder(password) {
        return Some("has a placeholder for a password");
    }
    repeats(password.as_bytes(), 1).then_some("has a password of one character")
}

fn holds_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// Whether the bytes are the first `piece` of them again and again.
fn repeats(bytes: &[u8], piece: usize) -> bool {
    bytes.iter().zip(bytes.iter().skip(piece)).all(|(byte, later)| byte == later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_taken() {
        for token in [
            "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52",
            "0f0e0d0c0b0a09080706050403020100",
            "q2L0bq8J9dX1nE0mU8pPzY0w7e1b6rT5vG3kH2sA4cI=",
        ] {
            assert_eq!(weakness_of_token(token), None, "{token}");
        }
    }

    #[test]
    fn what_nobody_drew_is_refused() {
        for token in [
            "",
            "secret",
            "6d1fbb0a5a0f4a86b8c09b1f1c2f7f5",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "0123012301230123012301230123012301230123",
            "abcdefghijklabcdefghijklabcdefghijkl",
            "ChangeMe-6d1fbb0a5a0f4a86b8c09b1f1c2f7f52",
            "6d1fbb0a5a0f4a86 8c09b1f1c2f7f52ff",
            "6d1fbb0a5a0f4a86\u{e4}8c09b1f1c2f7f52ff",
        ] {
            assert!(weakness_of_token(token).is_some(), "{token}");
        }
    }

    #[test]
    fn passwords_of_manuals_are_refused() {
        for password in ["", "ann", "ANN", "postgres", "Messenger", "changeme", "xxxxxxx", "example-password"]
        {
            assert!(weakness_of_password("ann", password).is_some(), "{password}");
        }
        for password in ["blue-lantern-42", "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52", "annanna"] {
            assert_eq!(weakness_of_password("ann", password), None, "{password}");
        }
    }
}
