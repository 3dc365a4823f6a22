//! Pages of lists and the text of a search.

use unicode_normalization::UnicodeNormalization as _;

use super::error::{At as _, Error, FieldError, RuleError};

/// Rows of a page at most, and the limit of a search.
const LIMIT_MAX: i64 = 100;
/// Rows of a page when the client does not say.
const LIMIT_DEFAULT: i64 = 20;
/// Rows that may lie before a page: the server walks over them, so a deeper page costs too much.
const OFFSET_MAX: i64 = 100_000;
/// Characters of a search text at most.
const TEXT_CHARS_MAX: usize = 128;

/// One page of a list, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    limit: i64,
    number: i64,
}

impl Page {
    /// Absent values take their defaults: 20 rows, the first page.
    ///
    /// # Errors
    /// Every field that is out of range.
    pub fn parse(limit: Option<i64>, page: Option<i64>) -> Result<Self, Error> {
        let limit = limit_within(limit);
        let number = page.unwrap_or(1);
        let number = if number >= 1 { Ok(number) } else { Err("must be at least 1".into()) };
        let page = match (limit.at("limit"), number.at("page")) {
            (Ok(limit), Ok(number)) => Self { limit, number },
            (limit, number) => return Err(Error::invalid([limit.err(), number.err()])),
        };
        if page.offset() > OFFSET_MAX {
            return Err(Error::from(FieldError {
                path: "page".into(),
                message: format!("must not start after row {OFFSET_MAX}: search instead").into(),
            }));
        }
        Ok(page)
    }

    /// Rows of the page.
    pub fn limit(&self) -> i64 {
        self.limit
    }

    /// Number of the page, from 1.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// Rows before the page.
    pub fn offset(&self) -> i64 {
        (self.number - 1).saturating_mul(self.limit)
    }
}

/// How many users a search may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchLimit(i64);

impl SearchLimit {
    /// 1 to 100, by default 20.
    ///
    /// # Errors
    /// The value is out of range.
    pub fn parse(limit: Option<i64>) -> Result<Self, RuleError> {
        limit_within(limit).map(Self)
    }

    /// Users at most.
    pub fn get(self) -> i64 {
        self.0
    }
}

fn limit_within(limit: Option<i64>) -> Result<i64, RuleError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) { Ok(limit) } else { Err("must be from 1 to 100".into()) }
}

/// What is searched for, folded as names are folded for the search: trimmed, composed (NFC), lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// 1 to 128 characters; `%`, `_` and `\` mean themselves.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let folded = fold(text.trim());
        if folded.is_empty() {
            return Err("must not be blank".into());
        }
        if folded.chars().count() > TEXT_CHARS_MAX {
            return Err("must be at most 128 characters long".into());
        }
        if folded.chars().any(char::is_control) {
            return Err("must not contain control characters".into());
        }
        Ok(Self(folded))
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One form for texts that people call the same. Done here and not in SQL, where `lower` follows the locale of the
/// database.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_values_have_defaults() {
        let page = Page::parse(None, None).unwrap();
        assert_eq!((page.limit(), page.number(), page.offset()), (20, 1, 0));
        assert_eq!(SearchLimit::parse(None).unwrap().get(), 20);
    }

    #[test]
    fn pages_out_of_range_name_their_fields() {
        let fields = |limit, page| match Page::parse(Some(limit), Some(page)) {
            Err(Error::Invalid(faults)) => faults.into_iter().map(|f| f.path.into_owned()).collect(),
            other => panic!("{other:?}"),
        };
        let check = |limit, page, expected: &[&str]| {
            let paths: Vec<String> = fields(limit, page);
            assert_eq!(paths, expected);
        };
        check(0, 1, &["limit"]);
        check(101, 1, &["limit"]);
        check(-1, 0, &["limit", "page"]);
        check(100, 1_002, &["page"]);
        check(100, i64::MAX, &["page"]);
        assert_eq!(Page::parse(Some(100), Some(1_001)).unwrap().offset(), 100_000);
    }

    #[test]
    fn search_texts_are_folded() {
        assert_eq!(SearchText::parse("  ÉCLAIR_% ").unwrap().as_str(), "éclair_%");
        for text in ["", "  ", "a\0", "a\nb"] {
            assert!(SearchText::parse(text).is_err(), "{text:?}");
        }
        assert!(SearchText::parse(&"x".repeat(128)).is_ok());
        assert!(SearchText::parse(&"x".repeat(129)).is_err());
    }
}
