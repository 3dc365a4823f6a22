//! Users: their ids, what others see of them, and how they change.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::email::Email;
use super::error::RuleError;
use super::name::Name;
use super::page::fold;

/// The number of a user, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(i64);

impl UserId {
    /// # Errors
    /// The number is not positive.
    pub fn new(id: i64) -> Result<Self, RuleError> {
        if id > 0 { Ok(Self(id)) } else { Err("must be a positive integer".into()) }
    }

    /// Digits only: no sign, no blanks.
    ///
    /// # Errors
    /// The text is no positive integer.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let id = if digits { text.parse().unwrap_or(0) } else { 0 };
        Self::new(id)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A user as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Integer id.
    pub id: UserId,
    /// The id that cannot be guessed.
    pub uuid: Uuid,
    /// E-mail and names; empty for a removed user.
    pub profile: Profile,
    /// When the user signed up.
    pub created_at: Timestamp,
    /// When the profile changed last.
    pub updated_at: Timestamp,
    /// The account was removed: only ids and times are left.
    pub removed: bool,
}

/// What a user tells about himself, as text read back from the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// As typed.
    pub email: String,
    /// First name, if given.
    pub first_name: Option<String>,
    /// Last name, if given.
    pub last_name: Option<String>,
}

impl Profile {
    /// What a search by first name or by full name runs over: the folded full name. `None` without any name.
    pub fn name_key(&self) -> Option<String> {
        name_key(self.first_name.as_deref(), self.last_name.as_deref())
    }

    /// What a search by last name runs over.
    pub fn last_name_key(&self) -> Option<String> {
        self.last_name.as_deref().map(fold)
    }
}

fn name_key(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(fold(&format!("{first} {last}"))),
        (first, last) => first.or(last).map(fold),
    }
}

/// A user who signs up.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Address, not yet taken by anybody.
    pub email: Email,
    /// First name, if given.
    pub first_name: Option<Name>,
    /// Last name, if given.
    pub last_name: Option<Name>,
}

impl NewUser {
    /// The profile to store.
    pub fn profile(&self) -> Profile {
        let text = |name: &Option<Name>| name.as_ref().map(|name| name.as_str().to_owned());
        Profile {
            email: self.email.as_typed().to_owned(),
            first_name: text(&self.first_name),
            last_name: text(&self.last_name),
        }
    }
}

/// A change of a profile. The outer `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// New address.
    pub email: Option<Email>,
    /// New first name.
    pub first_name: Option<Option<Name>>,
    /// New last name.
    pub last_name: Option<Option<Name>>,
}

impl ProfileChange {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.email.is_none() && self.first_name.is_none() && self.last_name.is_none()
    }

    /// The profile after the change.
    #[must_use]
    pub fn apply(&self, profile: Profile) -> Profile {
        let text = |new: &Option<Option<Name>>, old| match new {
            Some(name) => name.as_ref().map(|name| name.as_str().to_owned()),
            None => old,
        };
        Profile {
            email: self.email.as_ref().map_or(profile.email, |email| email.as_typed().to_owned()),
            first_name: text(&self.first_name, profile.first_name),
            last_name: text(&self.last_name, profile.last_name),
        }
    }
}

/// A user together with the hash that the password is checked against.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// PHC string.
    pub password_hash: String,
    /// The user has yet to show that the e-mail is his.
    pub email_unverified: bool,
    /// An operator has locked the user out.
    pub locked: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_digits() {
        assert_eq!(UserId::parse("42").unwrap().get(), 42);
        assert_eq!(UserId::parse(&i64::MAX.to_string()).unwrap().get(), i64::MAX);
        for text in ["", "0", "-1", "+1", " 1", "1.5", "1e3", "abc", "9223372036854775808", "１"] {
            assert!(UserId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        let old = Profile {
            email: "a@x.io".to_owned(),
            first_name: Some("Ann".to_owned()),
            last_name: Some("Lee".to_owned()),
        };
        let change = ProfileChange { first_name: Some(None), ..ProfileChange::default() };
        assert!(!change.is_empty() && ProfileChange::default().is_empty());
        assert_eq!(change.apply(old.clone()), Profile { first_name: None, ..old.clone() });
        let change =
            ProfileChange { email: Some(Email::parse("b@x.io").unwrap()), ..ProfileChange::default() };
        assert_eq!(change.apply(old.clone()), Profile { email: "b@x.io".to_owned(), ..old });
    }

    #[test]
    fn keys_fold_the_names() {
        let named = |first: Option<&str>, last: Option<&str>| Profile {
            email: String::new(),
            first_name: first.map(str::to_owned),
            last_name: last.map(str::to_owned),
        };
        assert_eq!(named(Some("Élise"), Some("Ng")).name_key().as_deref(), Some("élise ng"));
        assert_eq!(named(None, Some("Ng")).name_key().as_deref(), Some("ng"));
        assert_eq!(named(Some("A"), None).last_name_key(), None);
        assert_eq!(named(None, None).name_key(), None);
    }
}
