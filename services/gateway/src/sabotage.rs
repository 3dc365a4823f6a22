//! Breaks one promise on purpose, so that a fault suite can prove that it would notice.
//!
//! Only in builds with debug assertions: any other build refuses to start when it is asked for, and answers every
//! question here with no, at compile time. Knows no room; those that can be sabotaged ask it.

use std::str::FromStr;

use messenger_chassis::env::Env;

const KEY: &str = "GATEWAY_SABOTAGE";
/// Of so many batches one is acknowledged without being stored.
const LOST_BATCH: u64 = 20;

/// The promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sabotage {
    /// None.
    #[default]
    Nothing,
    /// Some sends are acknowledged before a commit that never comes.
    AckBeforeCommit,
    /// Every copy of an entry passes the gate straight through: twice, or out of order.
    GateOff,
    /// What no ring has brought is never looked for.
    SweepOff,
}

/// The value means nothing, or this build takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSabotage {
    /// Not one of the values.
    #[error("must be ack-before-commit, gate-off or sweep-off")]
    Unknown,
    /// A build that serves people.
    #[error("refused: this build is not for tests")]
    Release,
}

impl FromStr for Sabotage {
    type Err = BadSabotage;

    fn from_str(text: &str) -> Result<Self, BadSabotage> {
        match text {
            "ack-before-commit" => Ok(Self::AckBeforeCommit),
            "gate-off" => Ok(Self::GateOff),
            "sweep-off" => Ok(Self::SweepOff),
            _ => Err(BadSabotage::Unknown),
        }
    }
}

impl Sabotage {
    /// Reads the key; what cannot be done is a problem of `env`.
    pub fn read(env: &mut Env<'_>) -> Self {
        let about = "debug builds only, for tests of tests: ack-before-commit, gate-off or sweep-off";
        let Some(text) = env.optional(KEY, about) else { return Self::Nothing };
        Self::allowed(&text, cfg!(debug_assertions)).unwrap_or_else(|problem| {
            env.problem(format!("{KEY}: {problem}"));
            Self::Nothing
        })
    }

    /// The sabotage that `text` asks for, in a build for tests.
    fn allowed(text: &str, is_for_tests: bool) -> Result<Self, BadSabotage> {
        if is_for_tests { text.parse() } else { Err(BadSabotage::Release) }
    }

    /// Says at the start what nobody may overlook.
    pub fn announce(self) {
        if self != Self::Nothing {
            tracing::warn!(sabotage = ?self, "SABOTAGE: this gateway breaks its promise on purpose, it is for tests only");
        }
    }

    /// Whether the lane's batch of this number is to be acknowledged and then lost.
    pub fn loses_batch(self, number: u64) -> bool {
        self.is(Self::AckBeforeCommit) && number.is_multiple_of(LOST_BATCH)
    }

    /// Whether gates let everything through.
    pub fn opens_gates(self) -> bool {
        self.is(Self::GateOff)
    }

    /// Whether neither sweeps nor reads of the log close holes.
    pub fn leaves_holes(self) -> bool {
        self.is(Self::SweepOff)
    }

    fn is(self, what: Self) -> bool {
        cfg!(debug_assertions) && self == what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_build_refuses_every_value() {
        for value in ["ack-before-commit", "gate-off", "sweep-off", "nonsense"] {
            assert_eq!(Sabotage::allowed(value, false), Err(BadSabotage::Release));
        }
        assert_eq!(Sabotage::allowed("gate-off", true), Ok(Sabotage::GateOff));
        assert_eq!(Sabotage::allowed("nonsense", true), Err(BadSabotage::Unknown));
    }

    #[test]
    fn a_value_without_meaning_stops_the_start() {
        let lookup = |key: &str| (key == KEY).then(|| "everything".to_owned());
        let mut env = Env::new(&lookup);
        assert_eq!(Sabotage::read(&mut env), Sabotage::Nothing);
        assert!(env.finish().unwrap_err().to_string().starts_with(KEY));
    }

    #[test]
    fn nothing_is_sabotaged_unless_asked_for() {
        let nothing = Sabotage::default();
        assert!(!(nothing.opens_gates() || nothing.leaves_holes() || nothing.loses_batch(0)));
        let acks = (0..100).filter(|number| Sabotage::AckBeforeCommit.loses_batch(*number)).count();
        assert_eq!(acks, 5);
    }
}
