//! E-mail addresses: as typed for writing to people, canonical for telling accounts apart.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

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
    /// All forms under which an account may have been stored, the most likely one first.
    forms: Vec<String>,
}

impl Email {
    /// The address of an account that may be older than some rules. Trims, composes (NFC) and checks; lower-cases the
    /// domain, and for the canonical form the whole address, with the domain as IDNA (UTS 46) shows it to people:
    /// `bücher.example` and `xn--bcher-kva.example` are one.
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
        // Of the whole address at once, as it always was: what a capital sigma becomes depends on its neighbours.
        let folded: String = as_typed.to_lowercase().nfc().collect();
        let Domains { shown, ascii } = Domains::of(domain).unwrap_or_else(|| Domains::unknown(domain));
        let local: String = folded.split('@').next().unwrap_or_default().to_owned();
        let canonical = format!("{local}@{shown}");
        if as_typed.len() > BYTES_MAX || canonical.len() > BYTES_MAX {
            return Err("must be at most 254 bytes long".into());
        }
        let mut forms = vec![folded];
        for form in [canonical.clone(), format!("{local}@{ascii}")] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        Ok(Self { as_typed, canonical, forms })
    }

    /// The address of a new account: also a domain that can exist, and letters that do not pose as those of another
    /// script, as a Cyrillic `а` among Latin ones does (UTS 39, "highly restrictive": one script, or Latin beside those
    /// of Chinese, Japanese or Korean, and none of the letters that only look special).
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse_new(text: &str) -> Result<Self, RuleError> {
        let email = Self::parse(text)?;
        let (local, domain) = email.canonical.split_once('@').unwrap_or_default();
        if Domains::of(domain).is_none() {
            return Err("must have a domain that can exist".into());
        }
        if !is_honest(local) || !domain.split('.').all(is_honest) {
            return Err("must not mix letters of different scripts".into());
        }
        Ok(email)
    }

    /// The address to show and to write to.
    pub fn as_typed(&self) -> &str {
        &self.as_typed
    }

    /// The address as mail servers know it: the domain in ASCII.
    pub fn for_mail(&self) -> String {
        let (local, domain) = self.as_typed.split_once('@').unwrap_or_default();
        let domain = Domains::of(domain).map_or_else(|| domain.to_owned(), |domains| domains.ascii);
        format!("{local}@{domain}")
    }

    /// The form that is unique among the accounts.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Every form under which its account may be stored: as it was folded before domains went through IDNA, too. The
    /// first one is the account's own if there are several.
    pub fn forms(&self) -> &[String] {
        &self.forms
    }
}

/// A domain in its two forms by IDNA.
struct Domains {
    /// Unicode, unless that is no domain by the rules here.
    shown: String,
    ascii: String,
}

impl Domains {
    /// `None` when no domain can have this name.
    fn of(domain: &str) -> Option<Self> {
        let (rules, bytes) = (Uts46::new(), domain.as_bytes());
        let ascii = rules.to_ascii(bytes, AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
        let ascii = ascii.ok()?.into_owned();
        let (shown, valid) = rules.to_unicode(bytes, AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        let usable = valid.is_ok() && is_domain(&shown);
        Some(Self { shown: if usable { shown.into_owned() } else { ascii.clone() }, ascii })
    }

    fn unknown(domain: &str) -> Self {
        let folded: String = domain.to_lowercase().nfc().collect();
        Self { shown: folded.clone(), ascii: folded }
    }
}

fn is_honest(text: &str) -> bool {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive)
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

    #[test]
    fn a_domain_is_one_however_it_is_written() {
        let check = |texts: &[&str], canonical: &str| {
            for text in texts {
                let email = Email::parse_new(text).unwrap();
                assert_eq!(email.canonical(), canonical, "{text}");
                assert!(email.forms().iter().any(|form| form == canonical), "{text}");
            }
        };
        check(
            &["a@bücher.example", "A@BÜCHER.example", "a@bu\u{308}cher.example", "a@xn--bcher-kva.example"],
            "a@bücher.example",
        );
        check(&["a@почта.рф", "a@ПОЧТА.РФ", "a@xn--80a1acny.xn--p1ai"], "a@почта.рф");
        check(&["a@x.io", "a@X.IO"], "a@x.io");
        assert_eq!(Email::parse("Ann@BÜCHER.example").unwrap().for_mail(), "Ann@xn--bcher-kva.example");
    }

    #[test]
    fn accounts_from_before_idna_are_found_by_what_their_owners_type() {
        // What was stored is the whole address in lower case, composed.
        for text in [
            "a@xn--bcher-kva.example",
            "a@bücher.example",
            "a@ΣΑΣ.example",
            "а.b@x.io",
            "a@xn--0.io",
            "a@ab--c.io",
        ] {
            let stored: String = text.to_lowercase().nfc().collect();
            assert_eq!(Email::parse(text).unwrap().forms()[0], stored, "{text}");
        }
        let typed = Email::parse("a@bücher.example").unwrap();
        assert!(typed.forms().contains(&"a@xn--bcher-kva.example".to_owned()));
    }

    /// Lower-casing must neither join what is apart nor change with a second round.
    #[test]
    fn the_turkish_letters_are_no_others() {
        let canonical = |text: &str| Email::parse(text).unwrap().canonical().to_owned();
        let all = ["ian@x.io", "Ian@x.io", "\u{131}an@x.io", "\u{130}an@x.io"].map(canonical);
        assert_eq!(all[0], all[1]);
        assert!(all[2] != all[0] && all[3] != all[0] && all[2] != all[3], "{all:?}");
        assert_eq!(all.clone().map(|text| canonical(&text)), all);
    }

    #[test]
    fn letters_that_pose_as_others_are_refused_in_new_addresses() {
        for text in [
            "\u{430}nn@x.io",        // Cyrillic a
            "ann@ex\u{430}mple.io",  // the same in the domain
            "ann@xn--exmple-4nf.io", // the same, hidden
            "p\u{3b1}ul@x.io",       // Greek alpha
            "\u{1d41a}nn@x.io",      // bold a
            "\u{ff41}nn@x.io",       // full-width a
            "a@xn--0.io",
        ] {
            assert!(Email::parse_new(text).is_err(), "{text:?}");
        }
        for text in [
            "ann+tag_1@x.io",
            "анна.петрова@почта.рф",
            "анна@mail.ru",
            "太郎@例え.jp",
            "taro太郎@x.jp",
            "josé@x.io",
            "o'brien@x.io",
            "email@mail.com0",
        ] {
            assert!(Email::parse_new(text).is_ok(), "{text:?}");
        }
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

        #[test]
        fn what_was_stored_before_is_among_the_forms(text in "[a-zA-ZäÖßΣşİабВ.+]{1,12}@[a-zA-Z0-9äÖßΣşİабВ-]{1,12}\\.[a-zß]{2,4}") {
            if let Ok(email) = Email::parse(&text) {
                let (local, domain) = email.as_typed().split_once('@').unwrap();
                let stored: String = format!("{local}@{}", domain.to_lowercase()).to_lowercase().nfc().collect();
                prop_assert!(email.forms().contains(&stored));
                prop_assert!(email.forms().iter().any(|form| form == email.canonical()));
            }
        }

        #[test]
        fn addresses_of_letters_of_today_keep_their_canonical_form(text in "[a-zA-Z0-9._+-]{1,20}@[a-zA-Z0-9-]{1,20}\\.[a-zA-Z]{2,6}") {
            if let Ok(email) = Email::parse_new(&text) {
                prop_assert_eq!(email.canonical(), text.to_lowercase());
                prop_assert_eq!(email.forms(), [text.to_lowercase()]);
            }
        }

        #[test]
        fn both_ways_to_write_a_domain_are_one_account(label in "[a-zäöüéàñабвгд]{1,10}") {
            let Ok(typed) = Email::parse_new(&format!("a@{label}.example")) else { return Ok(()) };
            let ascii = typed.forms().last().unwrap().clone();
            let other = Email::parse_new(&ascii).unwrap();
            prop_assert_eq!(other.canonical(), typed.canonical());
        }
    }
}
