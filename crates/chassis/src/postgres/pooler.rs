//! A pooler between us and PostgreSQL, which lends a connection for the length of a transaction: nothing that belongs to a
//! session can be asked for or left behind there. So settings must be the role's, and statements go without a name.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// What stands between a service and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing: a connection is a session.
    None,
    /// A pooler that lends a connection for a transaction.
    Transaction,
}

/// Why there is no such pooler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be none or transaction")]
pub struct UnknownPooler;

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Transaction => "transaction",
        })
    }
}

impl FromStr for Pooler {
    type Err = UnknownPooler;

    fn from_str(text: &str) -> Result<Self, UnknownPooler> {
        match text {
            "none" => Ok(Self::None),
            "transaction" => Ok(Self::Transaction),
            _ => Err(UnknownPooler),
        }
    }
}

/// A setting of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    name: String,
    value: String,
}

impl Setting {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

/// The settings in the options of a URL: `-c name=value`, with or without the space, or `--name=value`.
pub(super) fn settings_in(options: &str) -> impl Iterator<Item = Setting> {
    options.split_whitespace().filter_map(|word| {
        let word = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).unwrap_or(word);
        word.split_once('=').map(|(name, value)| Setting::new(name, value))
    })
}

/// The URL without its options, which a pooler would not take.
pub(super) fn without_options(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let rest: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("options=")).collect();
    if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) }
}

/// The settings as options of a connection.
pub(super) fn options(settings: &[Setting]) -> String {
    let options = settings.iter().map(|Setting { name, value }| format!("-c {name}={value}"));
    options.collect::<Vec<_>>().join(" ")
}

/// A session behind the pooler is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum MissingSettings {
    /// The statements that would make it so.
    #[error(
        "behind a pooler the settings must be those of the role; run, as an administrator, and reconnect the pooler: {0}"
    )]
    Missing(String),
    /// It cannot be found out.
    #[error("read the settings of a session")]
    Unknown(#[from] tokio_postgres::Error),
}

/// What a session has, and the statement that gives its role something else.
const SETTING: &str = "SELECT s.setting, format('ALTER ROLE %I IN DATABASE %I SET %s = %L;', current_user, current_database(), $1, $2) \
     FROM (SELECT) one LEFT JOIN pg_settings s ON s.name = $1";

/// Compares what a session has with what it must have.
pub(super) async fn check(client: &Client, wanted: &[Setting]) -> Result<(), MissingSettings> {
    let mut missing = Vec::new();
    for Setting { name, value } in wanted {
        let row = client.query_typed_one(SETTING, &[(name, Type::TEXT), (value, Type::TEXT)]).await?;
        let (found, remedy): (Option<&str>, String) = (row.get(0), row.get(1));
        if found != Some(value) {
            missing.push(remedy);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(MissingSettings::Missing(missing.join(" "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_url_are_read_however_they_are_written() {
        let written = "-csearch_path=messaging -c work_mem=4MB --jit=off -c";
        let settings: Vec<_> = settings_in(written).collect();
        assert_eq!(options(&settings), "-c search_path=messaging -c work_mem=4MB -c jit=off");
    }

    #[test]
    fn nothing_but_the_options_is_taken_from_a_url() {
        for (url, expected) in [
            ("postgres://u:p@h/d?options=-csearch_path%3Dx", "postgres://u:p@h/d"),
            (
                "postgres://u:p@h/d?sslmode=require&options=-cx%3Dy&port=1",
                "postgres://u:p@h/d?sslmode=require&port=1",
            ),
            ("postgres://u:p@h/d", "postgres://u:p@h/d"),
        ] {
            assert_eq!(without_options(url), expected);
        }
    }

    #[test]
    fn a_pooler_is_named_as_it_is_shown() {
        for pooler in [Pooler::None, Pooler::Transaction] {
            assert_eq!(pooler.to_string().parse(), Ok(pooler));
        }
        assert_eq!("session".parse::<Pooler>(), Err(UnknownPooler));
    }
}
