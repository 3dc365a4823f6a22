//! Why a request was refused. A code for programs and a sentence for people; never the inside of a database error.

use std::time::Duration;

/// When a request that found a part of us away should be repeated: about the time of a restart's first pause.
const RETRY_AFTER_MS: u32 = 500;

/// The one error of the gateway's use cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The frame is not JSON, or not a request.
    #[error("The frame is not a JSON object with a type")]
    Malformed,
    /// The request's type is not one of the dialect's.
    #[error("There is no such type")]
    UnknownType,
    /// A parameter is missing, of the wrong type, or out of its limits.
    #[error("Invalid params: {field} {reason}")]
    Invalid {
        /// The parameter, as the wire spells it.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// The message has no text.
    #[error("The content must not be empty")]
    ContentEmpty,
    /// The message is too long.
    #[error("The content must have at most {limit} bytes")]
    ContentTooLong {
        /// Bytes of UTF-8.
        limit: usize,
    },
    /// Nobody has this id, or the account was removed.
    #[error("There is no such user")]
    UnknownUser,
    /// No group has this id.
    #[error("There is no such group")]
    UnknownGroup,
    /// The asking user is not a member.
    #[error("User is not a member of this group")]
    NotMember,
    /// There is no such conversation, or it is none of the asking user's: one answer for both.
    #[error("There is no such conversation")]
    NotFound,
    /// The user's role does not allow it.
    #[error("Your role in this conversation does not allow this")]
    Forbidden,
    /// The other user of the dialog has blocked the asking one. Like any other refusal: nobody is told of a block.
    #[error("You cannot write to this user")]
    CannotWrite,
    /// The user to be added has blocked the asking one.
    #[error("You cannot add this user")]
    CannotAdd,
    /// The asking user has blocked the other one.
    #[error("You have blocked this user")]
    BlockedByYou,
    /// The asking user has blocked as many others as one may.
    #[error("You have blocked too many users")]
    TooManyBlocked,
    /// The token is not good, or is another user's.
    #[error("The token is not valid for this connection")]
    Unauthorized,
    /// The user to be added is one already.
    #[error("User is already a member of this group")]
    AlreadyMember,
    /// The group has as many members as it may.
    #[error("The group has no room for another member")]
    GroupFull,
    /// A user is in as many conversations as they may.
    #[error("The user is in too many conversations")]
    TooManyConversations,
    /// The idempotency key was used for another message.
    #[error("This clientMessageId belongs to another message")]
    IdempotencyConflict,
    /// The user asks for more than a fair share: nothing was done, and the same request may succeed later.
    #[error("Too many requests, try again a little later")]
    RateLimited {
        /// Milliseconds after which there is room again.
        retry_after_ms: u32,
    },
    /// A part we need does not answer or has no room; the same request may succeed later.
    #[error("The service is temporarily unavailable, try again")]
    Unavailable,
    /// A fault of ours; the log has the cause.
    #[error("Internal error")]
    Internal,
}

impl GatewayError {
    /// An [`GatewayError::Invalid`].
    pub fn invalid(field: &'static str, reason: &'static str) -> Self {
        Self::Invalid { field, reason }
    }

    /// A [`GatewayError::RateLimited`] with the wait rounded up.
    pub fn rate_limited(wait: Duration) -> Self {
        let millis = wait.as_micros().div_ceil(1_000).max(1);
        Self::RateLimited { retry_after_ms: u32::try_from(millis).unwrap_or(u32::MAX) }
    }

    /// The same for a request in which nobody learns whether there is a conversation that is none of theirs.
    #[must_use]
    pub fn veiled(self) -> Self {
        match self {
            Self::UnknownGroup | Self::NotMember => Self::NotFound,
            error => error,
        }
    }

    /// After how many milliseconds the same request may succeed; `None` when trying again is of no use.
    pub fn retry_after_ms(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after_ms } => Some(*retry_after_ms),
            Self::Unavailable => Some(RETRY_AFTER_MS),
            _ => None,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownType => "unknown_type",
            Self::Invalid { .. } => "invalid_params",
            Self::ContentEmpty => "content_empty",
            Self::ContentTooLong { .. } => "content_too_long",
            Self::UnknownUser => "unknown_user",
            Self::UnknownGroup => "unknown_group",
            Self::NotMember => "not_a_member",
            Self::NotFound => "not_found",
            Self::Forbidden | Self::CannotWrite | Self::CannotAdd => "forbidden",
            Self::BlockedByYou => "blocked_by_you",
            Self::TooManyBlocked => "too_many_blocked",
            Self::Unauthorized => "unauthorized",
            Self::AlreadyMember => "already_a_member",
            Self::GroupFull => "group_full",
            Self::TooManyConversations => "too_many_conversations",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}
