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

/// A load, and the load generator's words for it.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [&'static str],
    /// Whether only `--full` has it.
    full: bool,
    /// How the keys begin that are left as they are shipped, though [`RAISED`] has them.
    pub(super) as_shipped: Option<&'static str>,
}

impl Scenario {
    const fn usual(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, arguments, full: false, as_shipped: None }
    }

    const fn full(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { full: true, ..Self::usual(name, arguments) }
    }

    const fn as_shipped(self, keys: &'static str) -> Self {
        Self { as_shipped: Some(keys), ..self }
    }
}

/// In the order in which they are measured. The first is the one that the limits are compared with.
static SCENARIOS: [Scenario; 11] = [
    Scenario::usual(PRIVATE, &["private", "--pairs", "32", "--in-flight", "8"]),
    Scenario::usual(ONE_IN_FLIGHT, &["private", "--pairs", "1", "--in-flight", "1"]),
    Scenario::usual(
        "group of 100, 4 senders x 4 in flight",
        &["group", "--members", "100", "--senders", "4", "--in-flight", "4"],
    ),
    Scenario::usual(OPEN, &["open", "--rate", "1000", "--pairs", "32"]),
    Scenario::full("private, 64 pairs x 32 in flight", &["private", "--pairs", "64", "--in-flight", "32"]),
    Scenario::full(GROUP_OF_500, &["group", "--members", "500", "--senders", "4", "--in-flight", "4"]),
    Scenario::full(HOT_GROUP, &["group", "--members", "100", "--senders", "50", "--in-flight", "4"]),
    Scenario::full(OPEN_AND_READ, &["open", "--rate", "2000", "--pairs", "32", "--readers", "1"]),
    Scenario::full(IDLE, &["idle", "--sockets", "20000"]),
    Scenario::full(STORM, &["storm", "--sockets", "10000"]),
    // What a stalled reader costs is what the shipped outbox allows it.
    Scenario::full(SLOW, &["slow", "--stalled", "1000"]).as_shipped("GATEWAY_OUTBOX_"),
];
/// The last one: its services are of no use for the others.
static LAST: Scenario = Scenario::full(LOGINS, &["logins"]).as_shipped("ACCOUNTS_ARGON2_");

/// A limit that is meant to stop what a benchmark does.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    pub(super) why: &'static str,
}

/// All of them; nothing else differs from what is shipped.
pub(super) const RAISED: [Raised; 7] = [
    raise("ACCOUNTS_ARGON2_MEMORY_KIB", "64", "thousands of users sign up: cheap hashes"),
    raise("ACCOUNTS_ARGON2_ITERATIONS", "1", "the same"),
    raise("ACCOUNTS_ARGON2_QUEUE", "10000", "places for sign-ups that wait"),
    raise("ACCOUNTS_ARGON2_WAIT_MS", "60000", "patience of sign-ups that wait"),
    raise("GATEWAY_OUTBOX_BYTES", "67108864", "the load generator shares the processors: it may lag"),
    raise("GATEWAY_OUTBOX_FRAMES", "1000000", "the same"),
    raise("GATEWAY_GROUP_MEMBERS", "20000", "large groups"),
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
        ensure!(self.series() || self.scenarios().next().is_some(), "no scenario's name has `{word}` in it");
        Ok(())
    }

    pub(super) fn scenarios(&self) -> impl Iterator<Item = &'static Scenario> {
        let all = SCENARIOS.iter().chain([&LAST]);
        all.filter(|scenario| self.takes(scenario.name, scenario.full))
    }

    pub(super) fn series(&self) -> bool {
        self.takes(THROUGHPUT_OVER_LOAD, true)
    }

    /// A word finds what only a full run has, too.
    fn takes(&self, name: &str, full: bool) -> bool {
        match &self.only {
            Some(word) => name.contains(&**word),
            None => self.full || !full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(full: bool, only: Option<&str>) -> Vec<&'static str> {
        let choice = Choice { full, only: only.map(str::to_owned) };
        choice.scenarios().map(|scenario| scenario.name).collect()
    }

    #[test]
    fn a_full_run_has_everything_and_a_word_chooses() {
        assert_eq!(names(false, None).len(), 4);
        assert_eq!(names(true, None).len(), 12);
        assert_eq!(names(true, None)[0], PRIVATE);
        assert_eq!(names(false, Some("group")).len(), 3);
        assert_eq!(names(false, Some("idle")), [IDLE]);
        let series = |full, only: Option<&str>| Choice { full, only: only.map(str::to_owned) }.series();
        assert_eq!(
            [series(false, None), series(true, None), series(false, Some("load"))],
            [false, true, true]
        );
    }

    #[test]
    fn a_word_that_nothing_has_is_an_error() {
        let choice = |only: &str| Choice { full: false, only: Some(only.to_owned()) };
        assert!(choice("nonsense").check().is_err());
        assert!(choice("throughput").check().is_ok(), "the series alone");
    }

    #[test]
    fn names_are_names() {
        let mut all = names(true, None);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 12);
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
