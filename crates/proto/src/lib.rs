//! Generated types of the contracts under `proto/`, and nothing else.

/// `messenger.accounts.v1`: what accounts answers, and the change notices it publishes.
pub mod accounts {
    tonic::include_proto!("messenger.accounts.v1");
}

/// `messenger.gateway.v1`: what gateways tell each other.
pub mod gateway {
    tonic::include_proto!("messenger.gateway.v1");
}
