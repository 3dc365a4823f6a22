//! The mark that a connection leaves, from which a later one goes on.

use std::fmt;
use std::str::FromStr;

use super::error::GatewayError;
use super::ids::Xid;

/// A moment of the log: whoever was connected then and has resumed since holds every entry of earlier transactions.
/// Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync(pub Xid);

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.0)
    }
}

impl FromStr for Sync {
    type Err = GatewayError;

    fn from_str(text: &str) -> Result<Self, GatewayError> {
        let xid = text.strip_prefix('x').and_then(|xid| xid.parse().ok()).filter(|xid| *xid >= 0);
        xid.map(|xid| Self(Xid(xid))).ok_or_else(|| GatewayError::invalid("since", "is not a mark of ours"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_text_and_a_forged_one_is_refused() {
        assert_eq!("x42".parse(), Ok(Sync(Xid(42))));
        assert_eq!(Sync(Xid(42)).to_string(), "x42");
        for forged in ["", "x", "42", "x-1", "x 1", "x9223372036854775808"] {
            assert!(forged.parse::<Sync>().is_err(), "{forged}");
        }
    }
}
