//! Defects on purpose, so that the fault tests can show that they would notice them. Only in builds with debug
//! assertions; in any other one nothing of it is left.

use std::fmt;
use std::str::FromStr;

/// A way of breaking the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Messages are acknowledged and delivered a moment before they are committed.
    AckBeforeCommit,
    /// Every copy of an entry that comes to a replica is delivered as it comes.
    GateOff,
    /// The log is not swept: what no ring told stays unknown.
    SweepOff,
}

/// Which defect is built in; usually none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sabotage(Option<Defect>);

impl Sabotage {
    /// Whether there is this defect.
    pub fn is(self, defect: Defect) -> bool {
        cfg!(debug_assertions) && self.0 == Some(defect)
    }

    /// Tells the log, loudly, if there is any.
    pub fn announce(self) {
        if let Some(defect) = self.0 {
            tracing::error!(?defect, "this process breaks its promise on purpose");
        }
    }
}

/// Why there is no such defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be none; in debug builds also ack-before-commit, gate-off or sweep-off")]
pub struct UnknownDefect;

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            None => "none",
            Some(Defect::AckBeforeCommit) => "ack-before-commit",
            Some(Defect::GateOff) => "gate-off",
            Some(Defect::SweepOff) => "sweep-off",
        })
    }
}

impl FromStr for Sabotage {
    type Err = UnknownDefect;

    fn from_str(text: &str) -> Result<Self, UnknownDefect> {
        let defect = match text {
            "none" => return Ok(Self(None)),
            "ack-before-commit" => Defect::AckBeforeCommit,
            "gate-off" => Defect::GateOff,
            "sweep-off" => Defect::SweepOff,
            _ => return Err(UnknownDefect),
        };
        if cfg!(debug_assertions) { Ok(Self(Some(defect))) } else { Err(UnknownDefect) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_is_chosen_by_name_and_only_where_it_cannot_hurt() {
        assert_eq!(Sabotage::default().to_string().parse(), Ok(Sabotage::default()));
        assert_eq!("gate".parse::<Sabotage>(), Err(UnknownDefect));
        let chosen = "gate-off".parse::<Sabotage>();
        assert_eq!(chosen.is_ok_and(|chosen| chosen.is(Defect::GateOff)), cfg!(debug_assertions));
        assert!(!Sabotage::default().is(Defect::GateOff));
    }
}
