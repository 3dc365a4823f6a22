//! What is measured under load, in what order, and which limits are raised for it.

use anyhow::{Result, ensure};

/// Names of the scenarios that targets are about.
pub(super) const PRIVATE: &str = "private, 32 pairs x 8 in flight";
pub(super) const ONE_IN_FLIGHT: &str = "one pair, one in flight";
pub(super) const OPEN: &str = "open loop, 32 pairs, 1,000/s";
pub(super) const GROUP_OF_500: &str = "group of 500, 4 senders x 4 in flight";
pub(super) const HOT_GROUP: &str = "hot group of 100, 50 writers x 4 in flight";
pub(super) const OPEN_AND_READ: &str = "open loop, 32 pairs, 2,000/s, history being read";
pub(super) const IDLE: &str = "idle, 20,000 sockets";
pub(super) const STORM: &str = "storm, 10,000 sockets drop at once";
pub(super) const SLOW: &str = "slow, 1,000 stalled readers";
pub(super) const SLOW_DOCUMENTED: &str = "slow, 1,000 stalled readers, documented dialect";
pub(super) const READS: &str = "reads at 200,000 messages";
pub(super) const READS_OF_MANY: &str = "reads at 10 million entries";
pub(super) const LOGINS: &str = "log-ins, as many as come";
/// Name of the series.
pub(super) const THROUGHPUT_OVER_LOAD: &str = "throughput over load";

/// Seconds of each step of the series at most.
pub(super) const STEP_SECONDS: u64 = 5;
/// Pairs in each step of the series.
pub(super) const STEP_PAIRS: u32 = 32;
/// Messages in flight of each pair, step by step.
pub(super) const STEPS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// Something to measure.
#[derive(Debug)]
pub(super) enum Work {
    Scenario(Scenario),
    /// [`STEPS`], one after the other.
    Series,
}

/// A load, and the load generator's words for it.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [&'static str],
    /// Whether only `--full` has it.
    full: bool,
    /// How the keys begin that are left as they are shipped, though [`RAISED`] has them.
    pub(super) as_shipped: Option<&'static str>,
    /// The words for `bare seed`, which fills the database before.
    pub(super) seed: Option<&'static [&'static str]>,
}

impl Scenario {
    const fn usual(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, arguments, full: false, as_shipped: None, seed: None }
    }

    const fn full(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { full: true, ..Self::usual(name, arguments) }
    }

    const fn with_shipped(self, keys: &'static str) -> Self {
        Self { as_shipped: Some(keys), ..self }
    }

    const fn seeded(self, seed: &'static [&'static str]) -> Self {
        Self { seed: Some(seed), ..self }
    }
}

/// In the order in which it is measured: reads of a small log come before other scenarios make it larger, reads of a
/// large one last.
static PLAN: [Work; 16] = [
    Work::Scenario(Scenario::full(READS, &["reads", "--in-flight", "4"]).seeded(SMALL_LOG)),
    Work::Scenario(Scenario::usual(PRIVATE, &["private", "--pairs", "32", "--in-flight", "8"])),
    Work::Scenario(Scenario::usual(ONE_IN_FLIGHT, &["private", "--pairs", "1", "--in-flight", "1"])),
    Work::Scenario(Scenario::usual(
        "group of 100, 4 senders x 4 in flight",
        &["group", "--members", "100", "--senders", "4", "--in-flight", "4"],
    )),
    Work::Scenario(Scenario::usual(OPEN, &["open", "--rate", "1000", "--pairs", "32"])),
    Work::Series,
    Work::Scenario(Scenario::full(
        "private, 64 pairs x 32 in flight",
        &["private", "--pairs", "64", "--in-flight", "32"],
    )),
    Work::Scenario(Scenario::full(
        GROUP_OF_500,
        &["group", "--members", "500", "--senders", "4", "--in-flight", "4"],
    )),
    Work::Scenario(Scenario::full(
        HOT_GROUP,
        &["group", "--members", "100", "--senders", "50", "--in-flight", "4"],
    )),
    Work::Scenario(Scenario::full(
        OPEN_AND_READ,
        &["open", "--rate", "2000", "--pairs", "32", "--readers", "1"],
    )),
    Work::Scenario(Scenario::full(IDLE, &["idle", "--sockets", "20000"])),
    Work::Scenario(Scenario::full(STORM, &["storm", "--sockets", "10000"])),
    // What a stalled reader costs is what the shipped outbox allows it.
    Work::Scenario(
        Scenario::full(SLOW, &["slow", "--stalled", "1000", "--dialect", "v2"])
            .with_shipped("GATEWAY_OUTBOX_"),
    ),
    Work::Scenario(
        Scenario::full(SLOW_DOCUMENTED, &["slow", "--stalled", "1000"]).with_shipped("GATEWAY_OUTBOX_"),
    ),
    Work::Scenario(Scenario::full(LOGINS, &["logins"]).with_shipped("ACCOUNTS_ARGON2_")),
    Work::Scenario(Scenario::full(READS_OF_MANY, &["reads"]).seeded(LARGE_LOG)),
];
/// Fifty messages in each conversation, on average.
const SMALL_LOG: &[&str] =
    &["--entries", "200000", "--conversations", "4000", "--chats", "100", "--users", "2000"];
const LARGE_LOG: &[&str] = &["--entries", "10000000", "--conversations", "200000", "--chats", "2000"];

/// A limit that is meant to stop what a benchmark does.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    pub(super) why: &'static str,
}

/// All of them; nothing else differs from what is shipped.
pub(super) const RAISED: [Raised; 22] = [
    raise("ACCOUNTS_ARGON2_MEMORY_KIB", "64", "thousands of users sign up: cheap hashes"),
    raise("ACCOUNTS_ARGON2_ITERATIONS", "1", "the same"),
    raise("ACCOUNTS_ARGON2_QUEUE", "10000", "places for sign-ups that wait"),
    raise("ACCOUNTS_ARGON2_WAIT_MS", "60000", "patience of sign-ups that wait"),
    raise("ACCOUNTS_LOGIN_FREE_FAILURES", "0", "all users come from one address: no limit for it"),
    raise("ACCOUNTS_LOGIN_ADDRESS_PER_MINUTE", "0", "the same"),
    raise("ACCOUNTS_LOGIN_ACCOUNT_PER_HOUR", "0", "the same"),
    raise("ACCOUNTS_REFRESHES_PER_MINUTE", "0", "the same"),
    raise("ACCOUNTS_SIGN_UPS_PER_HOUR", "0", "the same"),
    raise("ACCOUNTS_TOKEN_TTL_SECONDS", "86400", "bare sockets are not renewed, and a run may be long"),
    raise("GATEWAY_TOKEN_LIFE_MAX_SECONDS", "86400", "the same"),
    raise("GATEWAY_OUTBOX_BYTES", "67108864", "the load generator shares the processors: it may lag"),
    raise("GATEWAY_OUTBOX_FRAMES", "1000000", "the same"),
    raise("GATEWAY_RATE_FRAMES", "0", "a few users do what thousands would"),
    raise("GATEWAY_RATE_SENDS", "0", "the same"),
    raise("GATEWAY_RATE_READS", "0", "the same"),
    raise("GATEWAY_RATE_GROUPS", "0", "the same"),
    raise("GATEWAY_RATE_MEMBERS", "0", "the same"),
    raise("GATEWAY_RATE_HANDSHAKES", "0", "the same"),
    raise("GATEWAY_HANDSHAKES_PER_ADDRESS", "0", "all clients are on one machine"),
    raise("GATEWAY_SOCKETS_PER_ADDRESS", "0", "the same"),
    raise("ACCOUNTS_HTTP_CONNECTIONS_PER_ADDRESS", "0", "the same"),
];

const fn raise(key: &'static str, value: &'static str, why: &'static str) -> Raised {
    Raised { key, value, why }
}

/// The variables of services, but those whose keys begin with `as_shipped`.
pub(super) fn variables(as_shipped: Option<&str>) -> Vec<(&'static str, &'static str)> {
    let shipped = |key: &str| as_shipped.is_some_and(|keys| key.starts_with(keys));
    RAISED.iter().filter(|raised| !shipped(raised.key)).map(|raised| (raised.key, raised.value)).collect()
}

/// What of all is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) full: bool,
    /// A word of the names.
    pub(super) only: Option<String>,
}

impl Choice {
    /// # Errors
    /// When nothing has that word.
    pub(super) fn check(&self) -> Result<()> {
        let word = self.only.as_deref().unwrap_or_default();
        ensure!(self.works().next().is_some(), "no scenario's name has `{word}` in it");
        Ok(())
    }

    /// In their order. A word finds what only a full run has, too.
    pub(super) fn works(&self) -> impl Iterator<Item = &'static Work> {
        PLAN.iter().filter(|work| match &self.only {
            Some(word) => work.name().contains(&**word),
            None => self.full || !work.is_full(),
        })
    }
}

impl Work {
    fn name(&self) -> &'static str {
        match self {
            Self::Scenario(scenario) => scenario.name,
            Self::Series => THROUGHPUT_OVER_LOAD,
        }
    }

    /// Whether only `--full` has it.
    fn is_full(&self) -> bool {
        match self {
            Self::Scenario(scenario) => scenario.full,
            Self::Series => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(full: bool, only: Option<&str>) -> Vec<&'static str> {
        let choice = Choice { full, only: only.map(str::to_owned) };
        choice.works().map(Work::name).collect()
    }

    #[test]
    fn a_full_run_has_everything_and_a_word_chooses() {
        assert_eq!(names(false, None).len(), 4);
        assert_eq!(names(false, None)[0], PRIVATE);
        assert_eq!(names(true, None).len(), PLAN.len());
        assert_eq!(names(false, Some("group")).len(), 3);
        assert_eq!(names(false, Some("idle")), [IDLE]);
        assert_eq!(names(false, Some("throughput")), [THROUGHPUT_OVER_LOAD]);
    }

    #[test]
    fn a_word_that_nothing_has_is_an_error() {
        assert!(Choice { full: false, only: Some("nonsense".to_owned()) }.check().is_err());
        assert!(Choice { full: false, only: Some("storm".to_owned()) }.check().is_ok());
    }

    #[test]
    fn names_are_names() {
        let mut all = names(true, None);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), PLAN.len());
    }

    #[test]
    fn what_a_scenario_wants_as_shipped_is_not_raised() {
        let all = variables(None);
        assert_eq!(all.len(), RAISED.len());
        let shipped = variables(Some("ACCOUNTS_ARGON2_"));
        assert!(shipped.len() < all.len());
        assert!(shipped.iter().all(|(key, _)| !key.starts_with("ACCOUNTS_ARGON2_")));
    }
}
