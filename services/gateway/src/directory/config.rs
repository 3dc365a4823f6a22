//! Limits of the look-ups, and where accounts is.

use std::time::Duration;

use messenger_chassis::env::Env;

use super::access::Access;
use super::endings::EndingsConfig;

/// Ids of one `GetUsers` call at most, as its contract says.
const CONTRACT_BATCH_IDS: usize = 500;

/// Where accounts is and how it is asked.
#[derive(Debug, Clone)]
pub struct DirectoryConfig {
    /// gRPC endpoint of accounts, `http://host:port` or `https://host:port`.
    pub url: http::Uri,
    /// Token and TLS.
    pub access: Access,
    /// Limits of a call.
    pub call: CallLimits,
    /// Limits of what is kept.
    pub cache: CacheLimits,
    /// Time between two fetches of the signing keys, unless accounts asks for less.
    pub keys_interval: Duration,
    /// Time between two looks at the log of ended sessions.
    pub endings_interval: Duration,
}

impl DirectoryConfig {
    /// How ended sessions are followed.
    pub fn endings(&self) -> EndingsConfig {
        EndingsConfig { interval: self.endings_interval, deadline: self.call.deadline }
    }
}

/// Limits of a gRPC call.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// For a call with all its retries.
    pub deadline: Duration,
    /// Further attempts when accounts is unavailable.
    pub retries: u32,
    /// Failed attempts in a row after which accounts is left alone.
    pub breaker_failures: u32,
    /// For how long it is left alone.
    pub breaker_pause: Duration,
}

/// Limits of the cache of users.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// Users kept.
    pub entries: usize,
    /// For how long a user is served without asking again.
    pub fresh: Duration,
    /// For how long a user is served when accounts does not answer.
    pub stale: Duration,
    /// For how long an id that nobody has is not asked for again.
    pub unknown: Duration,
    /// Ids that may wait for a call.
    pub queue: usize,
    /// Ids of one call.
    pub batch: usize,
}

impl DirectoryConfig {
    /// Reads the keys `GATEWAY_ACCOUNTS_…` and `GATEWAY_DIRECTORY_…`.
    pub fn read(env: &mut Env<'_>) -> Self {
        let url = url(env);
        let config = Self {
            access: Access::read(env, &url),
            url,
            call: CallLimits::read(env),
            cache: CacheLimits::read(env),
            keys_interval: seconds(
                env,
                "GATEWAY_TOKEN_KEYS_REFRESH_SECONDS",
                300,
                5..=86_400,
                "seconds between fetches of the keys that verify tokens",
            ),
            endings_interval: env.millis(
                "GATEWAY_ENDINGS_INTERVAL_MS",
                1_000,
                50..=60_000,
                "milliseconds between looks at accounts' log of ended sessions, for notices that were lost",
            ),
        };
        if config.cache.stale < config.cache.fresh {
            env.problem("GATEWAY_DIRECTORY_STALE_SECONDS: must not be below GATEWAY_DIRECTORY_FRESH_SECONDS");
        }
        config
    }
}

impl CallLimits {
    fn read(env: &mut Env<'_>) -> Self {
        Self {
            deadline: env.millis(
                "GATEWAY_ACCOUNTS_DEADLINE_MS",
                2_000,
                10..=60_000,
                "milliseconds of a call to accounts, retries included",
            ),
            retries: env.within(
                "GATEWAY_ACCOUNTS_RETRIES",
                2,
                0..=5,
                "further attempts when accounts is unavailable",
            ),
            breaker_failures: env.within(
                "GATEWAY_ACCOUNTS_BREAKER_FAILURES",
                5,
                1..=1_000,
                "failed attempts in a row after which accounts is left alone",
            ),
            breaker_pause: env.millis(
                "GATEWAY_ACCOUNTS_BREAKER_PAUSE_MS",
                1_000,
                10..=60_000,
                "milliseconds for which a failing accounts is left alone",
            ),
        }
    }
}

impl CacheLimits {
    fn read(env: &mut Env<'_>) -> Self {
        Self {
            entries: env.within(
                "GATEWAY_DIRECTORY_ENTRIES",
                100_000,
                1_000..=10_000_000,
                "users kept in memory",
            ),
            fresh: seconds(
                env,
                "GATEWAY_DIRECTORY_FRESH_SECONDS",
                60,
                1..=86_400,
                "seconds for which a user is served without asking accounts again",
            ),
            stale: seconds(
                env,
                "GATEWAY_DIRECTORY_STALE_SECONDS",
                1_800,
                1..=604_800,
                "seconds for which a user is served when accounts does not answer",
            ),
            unknown: seconds(
                env,
                "GATEWAY_DIRECTORY_UNKNOWN_SECONDS",
                5,
                1..=3_600,
                "seconds for which an id that nobody has is not asked for again",
            ),
            queue: env.within(
                "GATEWAY_DIRECTORY_QUEUE",
                8_192,
                1..=1_000_000,
                "ids that may wait for a call",
            ),
            batch: env.within(
                "GATEWAY_DIRECTORY_BATCH",
                CONTRACT_BATCH_IDS,
                1..=CONTRACT_BATCH_IDS,
                "ids of one call",
            ),
        }
    }
}

fn url(env: &mut Env<'_>) -> http::Uri {
    const KEY: &str = "GATEWAY_ACCOUNTS_URL";
    let default = http::Uri::from_static("http://127.0.0.1:3101");
    let url = env.parsed(KEY, default, "gRPC endpoint of accounts, http(s)://host:port");
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.authority().is_none() {
        env.problem(format!("{KEY}: must be http://host:port or https://host:port"));
    }
    url
}

fn seconds(
    env: &mut Env<'_>,
    name: &'static str,
    default: u64,
    limits: std::ops::RangeInclusive<u64>,
    about: &'static str,
) -> Duration {
    Duration::from_secs(env.within(name, default, limits, about))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: (&str, &str) = ("GATEWAY_ACCOUNTS_TOKEN", "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52");
    const TLS: (&str, &str) = ("GATEWAY_ACCOUNTS_URL", "https://accounts:3101");

    fn problems(pairs: &[(&str, &str)]) -> String {
        let lookup = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned());
        let mut env = Env::new(&lookup);
        DirectoryConfig::read(&mut env);
        env.finish().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_defaults_hold_together() {
        assert_eq!(problems(&[TOKEN]), "");
        let own = [("GATEWAY_ACCOUNTS_TLS_CERT", "c.pem"), ("GATEWAY_ACCOUNTS_TLS_KEY", "k.pem")];
        assert_eq!(problems(&[TOKEN, TLS, ("GATEWAY_ACCOUNTS_TLS_CA", "ca.pem"), own[0], own[1]]), "");
    }

    #[test]
    fn bad_values_name_their_keys() {
        for (key, value) in [
            ("GATEWAY_ACCOUNTS_URL", "accounts"),
            ("GATEWAY_ACCOUNTS_URL", "http:// x"),
            ("GATEWAY_ACCOUNTS_TLS_CA", "ca.pem"),
            ("GATEWAY_ACCOUNTS_TOKEN", "0123456789"),
            ("GATEWAY_ACCOUNTS_TOKEN", "6d1fbb0a5a0f4a86b8c09b1f1c2f7f52,7d1fbb0a5a0f4a86b8c09b1f1c2f7f52"),
            ("GATEWAY_DIRECTORY_BATCH", "501"),
            ("GATEWAY_DIRECTORY_STALE_SECONDS", "59"),
            ("GATEWAY_ACCOUNTS_DEADLINE_MS", "2s"),
        ] {
            let problems = problems(&[(key, value), TOKEN]);
            assert!(problems.starts_with(key) && problems.lines().count() == 1, "{key}={value}: {problems}");
        }
        let own = [("GATEWAY_ACCOUNTS_TLS_CERT", "c.pem"), ("GATEWAY_ACCOUNTS_TLS_CA", "ca.pem")];
        for (pairs, named) in [
            (&[][..], "GATEWAY_ACCOUNTS_TOKEN: required"),
            (&[TOKEN, TLS], "GATEWAY_ACCOUNTS_TLS_CA"),
            (&[TOKEN, TLS, own[0], own[1]], "GATEWAY_ACCOUNTS_TLS_CERT"),
        ] {
            let problems = problems(pairs);
            assert!(problems.starts_with(named) && problems.lines().count() == 1, "{problems}");
        }
    }
}
