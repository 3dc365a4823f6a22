//! Generated types of the contracts under `proto/`, and nothing else.

/// `messenger.accounts.v1`: what accounts answers, and the change notices it publishes.
pub mod accounts {
    #![expect(missing_debug_implementations, reason = "generated code")]
    #![allow(clippy::all, clippy::allow_attributes, reason = "generated code")]
    tonic::include_proto!("messenger.accounts.v1");

    /// Redis channel that carries [`UserChanged`] notices.
    pub const USER_CHANGES_CHANNEL: &str = "messenger:users";
}

/// `messenger.gateway.v1`: what gateways tell each other.
pub mod gateway {
    #![allow(clippy::all, clippy::allow_attributes, reason = "generated code")]
    tonic::include_proto!("messenger.gateway.v1");
}
