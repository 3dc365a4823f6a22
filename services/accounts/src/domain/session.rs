//! Log-ins: how long they live, and what a bearer's token says.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::refresh::Digest;
use super::user::UserId;

/// Longest remembered description of a device, in characters.
const USER_AGENT_CHARS_MAX: usize = 256;

/// How long log-ins live, and how many a user may have.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Log-ins of a user at once; the oldest gives way.
    pub per_user: u32,
    /// Time from the log-in to the end, whatever happens.
    pub life: Duration,
    /// Time from the latest refresh to the end.
    pub idle: Duration,
    /// Time for which a refresh token that was just spent gets the same answer again, because the first was lost.
    pub grace: Duration,
    /// Time after the log-in in which the password need not be shown again.
    pub recent: Duration,
}

impl SessionLimits {
    /// When a log-in of `created_at` ends that was refreshed at `seen_at` and is not again.
    pub fn expiry(&self, created_at: Timestamp, seen_at: Timestamp) -> Timestamp {
        later(created_at, self.life).min(later(seen_at, self.idle))
    }

    /// Whether the log-in is so young that nobody need prove again who he is.
    pub fn is_recent(&self, created_at: Timestamp, now: Timestamp) -> bool {
        now < later(created_at, self.recent)
    }
}

/// Saturates at the end of time.
fn later(time: Timestamp, duration: Duration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

/// A log-in to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What the tokens carry as `sid`.
    pub id: Uuid,
    /// Whose log-in it is.
    pub user_id: UserId,
    /// What the client called itself.
    pub user_agent: Option<UserAgent>,
    /// When the log-in happened.
    pub created_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// Of the secret that all its refresh tokens share.
    pub family: Digest,
    /// Of the secret of its first refresh token.
    pub secret: Digest,
}

/// A log-in as its user sees it among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The session.
    pub id: Uuid,
    /// What the client called itself at the log-in.
    pub user_agent: Option<String>,
    /// When the log-in happened.
    pub created_at: Timestamp,
    /// When its tokens were renewed last.
    pub last_seen_at: Timestamp,
}

/// What a verified token says about its bearer. Whether user and session still exist only the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Claim `id`.
    pub user_id: UserId,
    /// Claim `sub`.
    pub user_uuid: Uuid,
    /// Claim `sid`.
    pub session_id: Uuid,
}

/// How a client calls itself, cut to a length and cleaned of what a terminal would obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// `None` when nothing readable is left.
    pub fn parse(text: &str) -> Option<Self> {
        let clean: String =
            text.trim().chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
        (!clean.is_empty()).then_some(Self(clean))
    }

    /// The description.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SessionLimits = SessionLimits {
        per_user: 2,
        life: Duration::from_secs(100),
        idle: Duration::from_secs(40),
        grace: Duration::from_secs(10),
        recent: Duration::from_secs(15),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_session_ends_when_it_is_old_or_idle() {
        assert_eq!(LIMITS.expiry(at(0), at(0)), at(40));
        assert_eq!(LIMITS.expiry(at(0), at(59)), at(99));
        assert_eq!(LIMITS.expiry(at(0), at(60)), at(100));
        assert_eq!(LIMITS.expiry(at(0), at(99)), at(100));
        assert_eq!(LIMITS.expiry(Timestamp::MAX, Timestamp::MAX), Timestamp::MAX);
    }

    #[test]
    fn a_log_in_is_recent_for_a_while() {
        assert!(LIMITS.is_recent(at(0), at(14)) && LIMITS.is_recent(at(0), at(-5)));
        assert!(!LIMITS.is_recent(at(0), at(15)));
    }

    #[test]
    fn user_agents_are_cut_and_cleaned() {
        assert_eq!(UserAgent::parse(" curl/8\u{1b}[31m ").unwrap().as_str(), "curl/8[31m");
        assert_eq!(UserAgent::parse(&"x".repeat(300)).unwrap().as_str().len(), 256);
        assert_eq!(UserAgent::parse(" \t"), None);
    }
}
