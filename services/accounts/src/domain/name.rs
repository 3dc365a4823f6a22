//! First and last names as people write them.

use unicode_normalization::UnicodeNormalization as _;

use super::error::RuleError;
use super::text::{is_invisible, is_joiner};

/// Longest name, in characters.
const CHARS_MAX: usize = 64;

/// A first or a last name: trimmed, composed (NFC), visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Any script, any punctuation; stored as it is, so whoever shows it escapes it.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let name: String = text.trim().nfc().collect();
        if name.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            return Err("must not be blank".into());
        }
        if name.chars().count() > CHARS_MAX {
            return Err("must be at most 64 characters long".into());
        }
        if name.chars().any(|c| c.is_control() || (is_invisible(c) && !is_joiner(c))) {
            return Err("must not contain control or invisible characters".into());
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names_pass() {
        for name in
            ["Patrick0", "Анна", "O'Brien", "de la Cruz", "می\u{200c}خواهم", "👩\u{200d}🚀", "<b>%_\\'; --"]
        {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(Name::parse("  Ann ").unwrap().as_str(), "Ann");
        assert_eq!(Name::parse("e\u{301}").unwrap().as_str(), "\u{e9}");
    }

    #[test]
    fn names_that_deceive_or_break_are_refused() {
        for name in [
            "",
            "  ",
            "\u{200d}",
            "\u{3164}",
            "a\0b",
            "a\nb",
            "\u{1b}[31m",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
        ] {
            assert!(Name::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn length_counts_characters() {
        assert!(Name::parse(&"ж".repeat(64)).is_ok());
        assert!(Name::parse(&"ж".repeat(65)).is_err());
        assert!(Name::parse(&format!("a{}", "\u{301}".repeat(10_000))).is_err(), "marks are characters, too");
    }
}
