//! Typed reading of configuration from `KEY=value` pairs.
//!
//! The pairs come through a function, so that a test is a map and only `main` touches the process environment.
//! Every problem is collected and reported at once, by key; every key read is kept with its default and meaning, so
//! that `check-config` and the documentation can list what the code really reads.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::secrets::{Mode, weakness_of_token};

/// What is wrong with the configuration, one line per key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}", .0.join("\n"))]
pub struct EnvError(pub Vec<String>);

/// One key as the code reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Name in the environment.
    pub name: &'static str,
    /// What holds when the key is absent; `None` for a required key.
    pub default: Option<String>,
    /// Meaning, with the unit.
    pub about: &'static str,
}

/// Reads typed values and remembers keys and problems.
pub struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    keys: Vec<Key>,
    problems: Vec<String>,
    mode: Mode,
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl<'a> Env<'a> {
    /// A reader over `lookup`; an empty value counts as absent.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, keys: Vec::new(), problems: Vec::new(), mode: Mode::Production }
    }

    /// Reads how strict to be with all that is read after it.
    pub fn read_mode(&mut self) {
        self.mode = self.parsed(
            "MESSENGER_MODE",
            Mode::Production,
            "production, or development: start without secrets, or with weak ones",
        );
    }

    /// Whether secrets must be there and worth their name.
    pub fn is_strict(&self) -> bool {
        self.mode == Mode::Production
    }

    /// A value without which the process cannot run. Absent: a problem, and an empty text for now.
    pub fn required(&mut self, name: &'static str, about: &'static str) -> String {
        self.keys.push(Key { name, default: None, about });
        self.read(name).unwrap_or_else(|| {
            self.problems.push(format!("{name}: required ({about})"));
            String::new()
        })
    }

    /// A value that may be absent.
    pub fn optional(&mut self, name: &'static str, about: &'static str) -> Option<String> {
        self.keys.push(Key { name, default: Some("(unset)".to_owned()), about });
        self.read(name)
    }

    /// A secret that may be absent; it never prints.
    pub fn secret(&mut self, name: &'static str, about: &'static str) -> Option<SecretString> {
        self.optional(name, about).map(SecretString::from)
    }

    /// Secrets that services share, separated by commas. In production there must be one, and each must be a good one.
    pub fn tokens(&mut self, name: &'static str, about: &'static str) -> Vec<SecretString> {
        self.keys.push(Key { name, default: Some("(unset)".to_owned()), about });
        let text = self.read(name).unwrap_or_default();
        let tokens: Vec<&str> = text.split(',').map(str::trim).filter(|token| !token.is_empty()).collect();
        if self.is_strict() {
            if tokens.is_empty() {
                self.problems.push(format!("{name}: required in production ({about})"));
            }
            let weak = tokens.iter().find_map(|token| weakness_of_token(token));
            self.problems.extend(weak.map(|reason| format!("{name}: {reason}")));
        }
        tokens.into_iter().map(SecretString::from).collect()
    }

    /// A text with a default.
    pub fn text(&mut self, name: &'static str, default: &str, about: &'static str) -> String {
        self.keys.push(Key { name, default: Some(default.to_owned()), about });
        self.read(name).unwrap_or_else(|| default.to_owned())
    }

    /// A parsed value with a default. The value itself is not repeated in the problem: it may be secret.
    pub fn parsed<T>(&mut self, name: &'static str, default: T, about: &'static str) -> T
    where
        T: FromStr + Display,
    {
        self.keys.push(Key { name, default: Some(default.to_string()), about });
        let Some(text) = self.read(name) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.problems.push(format!("{name}: cannot be read ({about})"));
            default
        })
    }

    /// A number within limits, with a default.
    pub fn within<T>(
        &mut self,
        name: &'static str,
        default: T,
        limits: RangeInclusive<T>,
        about: &'static str,
    ) -> T
    where
        T: FromStr + Display + PartialOrd + Copy,
    {
        let value = self.parsed(name, default, about);
        if limits.contains(&value) {
            return value;
        }
        self.problems.push(format!("{name}: must be {} to {} ({about})", limits.start(), limits.end()));
        default
    }

    /// Whole milliseconds within limits. The key's name ends in `_MS`.
    pub fn millis(
        &mut self,
        name: &'static str,
        default: u64,
        limits: RangeInclusive<u64>,
        about: &'static str,
    ) -> Duration {
        Duration::from_millis(self.within(name, default, limits, about))
    }

    /// A list that is empty where it is not set.
    pub fn list<T>(&mut self, name: &'static str, about: &'static str) -> T
    where
        T: FromStr<Err: Display> + Default,
    {
        let Some(text) = self.optional(name, about) else { return T::default() };
        text.parse().unwrap_or_else(|error| {
            self.problem(format!("{name}: {error}"));
            T::default()
        })
    }

    /// Records a problem that concerns several keys together.
    pub fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    /// All keys read so far.
    ///
    /// # Errors
    /// Every problem met while reading.
    pub fn finish(self) -> Result<Vec<Key>, EnvError> {
        if self.problems.is_empty() { Ok(self.keys) } else { Err(EnvError(self.problems)) }
    }

    fn read(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }
}

/// The keys as aligned text, one a line: name, default, meaning.
pub fn table(keys: &[Key]) -> String {
    let default = |key: &Key| key.default.clone().unwrap_or_else(|| "(required)".to_owned());
    let names = keys.iter().map(|key| key.name.len()).max().unwrap_or_default();
    let defaults = keys.iter().map(|key| default(key).len()).max().unwrap_or_default();
    let row = |key: &Key| format!("{:<names$}  {:<defaults$}  {}", key.name, default(key), key.about);
    keys.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env_of(pairs: impl Into<Vec<(&'static str, &'static str)>>) -> impl Fn(&str) -> Option<String> {
        let pairs = pairs.into();
        move |key| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn every_problem_is_reported_by_key() {
        let lookup = env_of([("SIZE", "many"), ("PAGE", "0")]);
        let mut env = Env::new(&lookup);
        env.required("URL", "where");
        assert_eq!(env.parsed("SIZE", 7_u32, "rows"), 7);
        assert_eq!(env.within("PAGE", 20_u32, 1..=100, "rows"), 20);
        let EnvError(problems) = env.finish().unwrap_err();
        let keys: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap()).collect();
        assert_eq!(keys, ["URL", "SIZE", "PAGE"]);
    }

    #[test]
    fn a_problem_does_not_repeat_the_value() {
        let lookup = env_of([("SIZE", "hunter2")]);
        let mut env = Env::new(&lookup);
        env.parsed("SIZE", 1_u8, "rows");
        assert!(!env.finish().unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn tokens_are_judged_in_production_and_taken_as_they_are_in_development() {
        let tokens = |pairs| {
            let lookup = env_of(pairs);
            let mut env = Env::new(&lookup);
            env.read_mode();
            let tokens = env.tokens("TOKEN", "what services share");
            (tokens.len(), env.finish().err().map(|error| error.to_string()).unwrap_or_default())
        };
        let two = "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52, 7d1fbb0a5a0f4a86b8c09b1f1c2f7f52";
        assert_eq!(tokens(vec![("TOKEN", two)]), (2, String::new()));
        assert!(tokens(vec![]).1.starts_with("TOKEN: required"));
        let weak = "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52,hunter2";
        let (count, problem) = tokens(vec![("TOKEN", weak)]);
        assert!(count == 2 && problem.starts_with("TOKEN: ") && !problem.contains("hunter2"), "{problem}");
        let development = ("MESSENGER_MODE", "development");
        assert_eq!(tokens(vec![development]), (0, String::new()));
        assert_eq!(tokens(vec![development, ("TOKEN", weak)]), (2, String::new()));
        assert!(tokens(vec![("MESSENGER_MODE", "test")]).1.starts_with("MESSENGER_MODE: "));
    }

    #[test]
    fn empty_counts_as_absent() {
        let lookup = env_of([("NAME", " ")]);
        let mut env = Env::new(&lookup);
        assert_eq!(env.text("NAME", "a", "who"), "a");
        assert_eq!(env.optional("NAME", "who"), None);
        assert!(env.finish().is_ok());
    }
}
