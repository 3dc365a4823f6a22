//! E-mail addresses: as typed for writing to people, canonical for telling accounts apart.

use unicode_normalization::UnicodeNormalization as _;

use super::error::RuleError;
use super::text::is_invisible;

/// Longest address, in bytes (RFC 5321, 4.5.3.1.3).
const BYTES_MAX: usize = 254;
/// Longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Longest label of the domain, in bytes (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// A plausible address. Whether it receives mail only a mail can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    as_typed: String,
    canonical: String,
}

impl Email {
    /// Trims, composes (NFC) and checks; lower-cases the domain, and for the canonical form the whole address.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let text: String = text.trim().nfc().collect();
        if text.is_empty() {
            return Err("must not be empty".into());
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c)) {
            return Err("must not contain spaces, control or invisible characters".into());
        }
        let Some((local, domain)) = text.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
            return Err("must contain exactly one @".into());
        };
        if !is_local_part(local) || !is_domain(domain) {
            return Err("must be an e-mail address".into());
        }
        let as_typed = format!("{local}@{}", domain.to_lowercase());
        let canonical: String = as_typed.to_lowercase().nfc().collect();
        if as_typed.len() > BYTES_MAX || canonical.len() > BYTES_MAX {
            return Err("must be at most 254 bytes long".into());
        }
        Ok(Self { as_typed, canonical })
    }

    /// The address to show and to write to.
    pub fn as_typed(&self) -> &str {
        &self.as_typed
    }

    /// The form that is unique among the accounts.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

fn is_local_part(local: &str) -> bool {
    let dots_are_inside = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let plain = !local.contains(['"', '(', ')', ',', ':', ';', '<', '>', '[', '\\', ']']);
    !local.is_empty() && local.len() <= LOCAL_BYTES_MAX && dots_are_inside && plain
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    labels.len() >= 2 && labels.iter().all(|label| is_label(label))
}

fn is_label(label: &str) -> bool {
    let sized = !label.is_empty() && label.len() <= LABEL_BYTES_MAX;
    let hyphens_are_inside = !label.starts_with('-') && !label.ends_with('-');
    sized && hyphens_are_inside && label.chars().all(|c| c == '-' || c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_form_ignores_case_and_composition() {
        let check = |text: &str, as_typed: &str, canonical: &str| {
            let email = Email::parse(text).unwrap();
            assert_eq!((email.as_typed(), email.canonical()), (as_typed, canonical));
        };
        check("  Ann.Lee@Mail.COM ", "Ann.Lee@mail.com", "ann.lee@mail.com");
        check("a+b@x.io", "a+b@x.io", "a+b@x.io");
        check("Jose\u{301}@x.io", "Jos\u{e9}@x.io", "jos\u{e9}@x.io");
        check("o'brien@x.io", "o'brien@x.io", "o'brien@x.io");
        check("email@mail.com0", "email@mail.com0", "email@mail.com0");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            " ",
            "a",
            "@x.io",
            "a@",
            "a@x",
            "a@b@x.io",
            "a@x..io",
            "a@.x.io",
            "a@-x.io",
            "a@x.io\r\nBcc: b@x.io",
            "a b@x.io",
            "a\u{200b}@x.io",
            "a\u{202e}@x.io",
            "a\0@x.io",
            ".a@x.io",
            "a..b@x.io",
            "<a>@x.io",
            "a@x_y.io",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_bounded_in_bytes() {
        let address = |local: usize, label: usize| format!("{}@{}.io", "a".repeat(local), "x".repeat(label));
        assert!(Email::parse(&address(64, 63)).is_ok());
        assert!(Email::parse(&address(65, 3)).is_err());
        assert!(Email::parse(&address(3, 64)).is_err());
        let long = format!("{}@{}io", "a".repeat(64), "abcdefgh.".repeat(21));
        assert!(Email::parse(&long).is_err(), "{} bytes", long.len());
    }

    proptest! {
        #[test]
        fn parsing_is_stable(text in "\\PC{0,40}@\\PC{0,40}") {
            if let Ok(email) = Email::parse(&text) {
                let again = Email::parse(email.as_typed()).unwrap();
                prop_assert_eq!(again.canonical(), email.canonical());
                let canonical = Email::parse(email.canonical()).unwrap();
                prop_assert_eq!(canonical.canonical(), email.canonical());
            }
        }
    }
}
