//! Log-ins and what a bearer's token says.

use jiff::Timestamp;
use uuid::Uuid;

use super::user::UserId;

/// Longest remembered description of a device, in characters.
const USER_AGENT_CHARS_MAX: usize = 256;

/// A log-in as it is stored: the tokens of a session name it.
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
    /// When its last token runs out.
    pub expires_at: Timestamp,
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

    #[test]
    fn user_agents_are_cut_and_cleaned() {
        assert_eq!(UserAgent::parse(" curl/8\u{1b}[31m ").unwrap().as_str(), "curl/8[31m");
        assert_eq!(UserAgent::parse(&"x".repeat(300)).unwrap().as_str().len(), 256);
        assert_eq!(UserAgent::parse(" \t"), None);
    }
}
