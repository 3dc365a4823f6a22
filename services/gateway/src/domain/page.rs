//! Pages, counted from 1.

use super::error::GatewayError;

/// Rows of a page at most.
pub const MAX_LIMIT: i64 = 100;
/// Rows that may be skipped at most: a page beyond costs more than it is worth.
pub const MAX_OFFSET: i64 = 100_000;

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
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(GatewayError::invalid("limit", "must be 1 to 100"));
        }
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
    fn absurd_pages_are_errors() {
        for (limit, number) in [(0, 1), (-1, 1), (101, 1), (5, 0), (5, -3), (100, i64::MAX), (1, 100_002)] {
            assert!(Page::new(limit, number).is_err(), "limit {limit}, page {number}");
        }
        assert!(Page::new(1, 100_001).is_ok());
    }
}
