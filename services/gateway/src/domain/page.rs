//! Pages, counted from 1.

use std::fmt;
use std::str::FromStr;

use super::error::GatewayError;
use super::ids::ConversationId;

/// Rows of a page at most.
pub const MAX_LIMIT: i64 = 100;
/// Rows that may be skipped at most: a page beyond costs more than it is worth.
pub const MAX_OFFSET: i64 = 100_000;

/// Rows that a client asks for: 1 to [`MAX_LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(i64);

impl Limit {
    /// Checks a number of rows.
    ///
    /// # Errors
    /// [`GatewayError::Invalid`] naming `limit`.
    pub fn new(rows: i64) -> Result<Self, GatewayError> {
        if (1..=MAX_LIMIT).contains(&rows) {
            Ok(Self(rows))
        } else {
            Err(GatewayError::invalid("limit", "must be 1 to 100"))
        }
    }

    /// Rows.
    pub fn rows(self) -> i64 {
        self.0
    }
}

/// A place in the list of conversations, which is ordered by latest activity: the last row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When something happened last in that conversation, microseconds since the Unix epoch.
    pub at_us: i64,
    /// The conversation.
    pub conversation: ConversationId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at_us, self.conversation)
    }
}

impl FromStr for Cursor {
    type Err = GatewayError;

    fn from_str(text: &str) -> Result<Self, GatewayError> {
        let parts = text.split_once('.').and_then(|(at, conversation)| {
            Some(Self { at_us: at.parse().ok()?, conversation: ConversationId(conversation.parse().ok()?) })
        });
        parts
            .filter(|cursor| jiff::Timestamp::from_microsecond(cursor.at_us).is_ok())
            .ok_or_else(|| GatewayError::invalid("cursor", "is not one of this list"))
    }
}

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    limit: i64,
    number: i64,
}

impl Page {
    /// Page `number` of pages of `limit` rows.
    ///
    /// # Errors
    /// [`GatewayError::Invalid`] naming `limit` or `page`.
    pub fn new(limit: i64, number: i64) -> Result<Self, GatewayError> {
        let limit = Limit::new(limit)?.rows();
        if number < 1 {
            return Err(GatewayError::invalid("page", "must be at least 1"));
        }
        if number
            .checked_sub(1)
            .and_then(|before| before.checked_mul(limit))
            .is_none_or(|skip| skip > MAX_OFFSET)
        {
            return Err(GatewayError::invalid("page", "is too far from the first"));
        }
        Ok(Self { limit, number })
    }

    /// Rows of the page.
    pub fn limit(self) -> i64 {
        self.limit
    }

    /// Rows before the page.
    pub fn offset(self) -> i64 {
        (self.number - 1) * self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_count_from_one() {
        let page = Page::new(5, 3).unwrap();
        assert_eq!((page.limit(), page.offset()), (5, 10));
    }

    #[test]
    fn a_cursor_survives_its_text_and_a_forged_one_is_refused() {
        let cursor = Cursor { at_us: 1_690_550_409_896_123, conversation: ConversationId(7) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for forged in ["", ".", "1", "1.x", "x.1", "9223372036854775807.1", "1.9223372036854775808"] {
            assert!(forged.parse::<Cursor>().is_err(), "{forged}");
        }
    }

    #[test]
    fn absurd_pages_are_errors() {
        for (limit, number) in [(0, 1), (-1, 1), (101, 1), (5, 0), (5, -3), (100, i64::MAX), (1, 100_002)] {
            assert!(Page::new(limit, number).is_err(), "limit {limit}, page {number}");
        }
        assert!(Page::new(1, 100_001).is_ok());
    }
}
