//! Texts that users write: checked once at the edge, right everywhere inside.

use std::sync::Arc;

use super::error::GatewayError;

/// Longest name of a group, in characters.
pub const GROUP_NAME_CHARS: usize = 128;

/// The text of a message: 1 byte to the configured limit of UTF-8, not blank, without U+0000 (which PostgreSQL cannot
/// store). Kept as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(Arc<str>);

impl Content {
    /// Checks a text against `limit` bytes.
    ///
    /// # Errors
    /// [`GatewayError::ContentEmpty`], [`GatewayError::ContentTooLong`], [`GatewayError::Invalid`].
    pub fn parse(text: &str, limit: usize) -> Result<Self, GatewayError> {
        if text.trim().is_empty() {
            return Err(GatewayError::ContentEmpty);
        }
        if text.len() > limit {
            return Err(GatewayError::ContentTooLong { limit });
        }
        if text.contains('\0') {
            return Err(GatewayError::invalid("content", "must not contain U+0000"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        &self.0
    }
}

/// The name of a group: 1 to [`GROUP_NAME_CHARS`] characters after trimming, no control characters, no
/// bidirectional overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName(String);

impl GroupName {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// [`GatewayError::Invalid`] naming `groupName`.
    pub fn parse(text: &str) -> Result<Self, GatewayError> {
        let name = text.trim();
        if name.is_empty() {
            return Err(GatewayError::invalid("groupName", "must not be empty"));
        }
        if name.chars().count() > GROUP_NAME_CHARS {
            return Err(GatewayError::invalid("groupName", "must have at most 128 characters"));
        }
        if name.chars().any(|c| c.is_control() || is_bidi_control(c)) {
            return Err(GatewayError::invalid("groupName", "must not contain control characters"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_kept_as_sent() {
        let odd = " '; DROP TABLE entries; -- $1 % _ \\ \u{1F600} ";
        assert_eq!(&**Content::parse(odd, 100).unwrap().text(), odd);
    }

    #[test]
    fn content_limits_are_in_bytes_and_inclusive() {
        assert!(Content::parse(&"a".repeat(16), 16).is_ok());
        assert_eq!(Content::parse(&"ä".repeat(9), 16), Err(GatewayError::ContentTooLong { limit: 16 }));
        assert_eq!(Content::parse(" \n\t ", 16), Err(GatewayError::ContentEmpty));
        assert_eq!(Content::parse("", 16), Err(GatewayError::ContentEmpty));
        assert!(matches!(Content::parse("a\0b", 16), Err(GatewayError::Invalid { .. })));
    }

    #[test]
    fn group_names_are_trimmed_and_bounded() {
        assert_eq!(GroupName::parse("  new name ").unwrap().as_str(), "new name");
        assert!(GroupName::parse(&"ä".repeat(GROUP_NAME_CHARS)).is_ok());
        for bad in ["", "  ", "a\nb", "a\u{202E}b", "a\0"] {
            assert!(GroupName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(GroupName::parse(&"ä".repeat(GROUP_NAME_CHARS + 1)).is_err());
    }
}
