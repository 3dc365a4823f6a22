//! The gateway: WebSocket in front, PostgreSQL as the log, Redis as the doorbell.

pub mod domain;
