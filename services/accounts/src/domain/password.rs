//! Passwords and what an operator demands of a new one.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use super::error::RuleError;
use super::page::fold;
use super::user::Profile;

/// Passwords that guessers try first, lower-case, one a line: 4,000 of them are long enough for the default policy. After the
/// list of zxcvbn (Dropbox, MIT), which counted them in published breaches.
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
    /// A new password of a person of whom so much is known.
    ///
    /// # Errors
    /// The first rule that is broken; the password is not repeated.
    pub fn accept_of(&self, text: &str, person: &Profile) -> Result<Password, RuleError> {
        let password = self.accept(text)?;
        if is_about(&password, person) {
            return Err("must be neither the e-mail nor a name".into());
        }
        Ok(password)
    }

    /// A new password of anybody.
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
        if password.expose().chars().any(char::is_control) {
            return Err("must not contain control characters".into());
        }
        if self.block_list && is_common(password.expose()) {
            return Err("is among the most common passwords".into());
        }
        Ok(password)
    }
}

/// Whether the password is the e-mail, its part before the `@`, or a name, in any case.
fn is_about(password: &Password, person: &Profile) -> bool {
    let (first, last) = (person.first_name.as_deref(), person.last_name.as_deref());
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    let local = person.email.split('@').next().unwrap_or_default();
    let password = fold(password.expose());
    let about = [&person.email, local, first, last, &format!("{first} {last}"), &format!("{first}{last}")];
    about.into_iter().any(|text| !text.is_empty() && fold(text) == password)
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
    fn what_everybody_knows_of_a_person_is_no_password() {
        let person = Profile {
            email: "Ann.Lee-Smith@x.io".to_owned(),
            first_name: Some("Annabelle".to_owned()),
            last_name: Some("Lee Smith".to_owned()),
        };
        let nobody = Profile { email: "ann@x.io".to_owned(), ..Profile::default() };
        for text in [
            "Ann.Lee-Smith@x.io",
            "ann.lee-smith@X.IO",
            "ANN.LEE-SMITH",
            "annabelle",
            "Lee Smith",
            "annabelle lee smith",
            "AnnabelleLee Smith",
        ] {
            assert!(STRICT.accept_of(text, &person).is_err(), "{text}");
            assert!(STRICT.accept_of(text, &nobody).is_ok(), "{text}");
        }
        assert!(STRICT.accept_of("annabelle is 7", &person).is_ok());
    }

    #[test]
    fn characters_that_nobody_types_are_refused() {
        for text in ["12345678\09", "correct\thorse", "correct horse\u{7f}", "correct horse\n"] {
            assert!(STRICT.accept(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_list_is_lower_case_without_blanks_or_repetitions() {
        let mut seen = std::collections::HashSet::new();
        for line in COMMON.lines() {
            assert!(!line.is_empty() && line == line.trim().to_lowercase() && seen.insert(line), "{line:?}");
        }
        let long_enough = seen.iter().filter(|line| STRICT.chars_min <= line.len()).count();
        assert!(long_enough >= 3_000, "{long_enough}");
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
