//! Passwords and what an operator demands of a new one.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use super::error::RuleError;

/// Passwords that guessers try first, lower-case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password as a person typed it, composed (NFC) so that keyboards do not matter. Wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// A password to be compared with a stored one: no policy applies, it may be older than the policy.
    pub fn given(text: &str) -> Self {
        Self(SecretString::from(text.nfc().collect::<String>()))
    }

    /// The text, for hashing only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// What a new password must be.
#[derive(Debug, Clone, Copy)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub chars_min: usize,
    /// Most characters.
    pub chars_max: usize,
    /// Whether common passwords are refused.
    pub block_list: bool,
}

impl PasswordPolicy {
    /// A new password.
    ///
    /// # Errors
    /// The first rule that is broken; the password is not repeated.
    pub fn accept(&self, text: &str) -> Result<Password, RuleError> {
        let password = Password::given(text);
        let chars = password.expose().chars().count();
        if chars < self.chars_min {
            return Err(RuleError(format!("must be at least {} characters long", self.chars_min).into()));
        }
        if chars > self.chars_max {
            return Err(RuleError(format!("must be at most {} characters long", self.chars_max).into()));
        }
        if self.block_list && is_common(password.expose()) {
            return Err("is among the most common passwords".into());
        }
        Ok(password)
    }
}

fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    COMMON.lines().any(|common| common == lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: PasswordPolicy = PasswordPolicy { chars_min: 8, chars_max: 128, block_list: true };

    #[test]
    fn length_is_counted_in_characters() {
        assert!(STRICT.accept("ж1234567").is_ok());
        assert!(STRICT.accept("ж123456").is_err());
        assert!(STRICT.accept(&"😀".repeat(128)).is_ok());
        assert!(STRICT.accept(&"a".repeat(129)).is_err());
    }

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        assert!(STRICT.accept("Password1").is_err());
        assert!(STRICT.accept("12345678").is_err());
        assert!(PasswordPolicy { block_list: false, ..STRICT }.accept("Password1").is_ok());
    }

    #[test]
    fn the_list_is_lower_case_without_blanks_or_repetitions() {
        let mut seen = std::collections::HashSet::new();
        for line in COMMON.lines() {
            assert!(!line.is_empty() && line == line.trim().to_lowercase() && seen.insert(line), "{line:?}");
        }
        assert!(seen.len() >= 200, "{} lines", seen.len());
    }

    #[test]
    fn composition_does_not_matter_and_spaces_do() {
        assert_eq!(Password::given("e\u{301}").expose(), Password::given("\u{e9}").expose());
        assert_ne!(Password::given("a ").expose(), Password::given("a").expose());
    }

    #[test]
    fn a_password_does_not_print() {
        assert!(!format!("{:?}", Password::given("hunter2")).contains("hunter2"));
    }
}
