//! What a running system does at its edges: with input that no honest client sends, with clients that are silent, slow
//! or too many, while a part of it is away. Real processes and sockets, as in the other tests of this package.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod accounts_away;
#[expect(dead_code, reason = "the tests of abuse need the rest")]
mod bare;
mod bodies;
mod closes;
mod conformance;
mod frames;
mod handshakes;
mod heartbeat;
mod leave;
mod logs;
#[path = "../it/people.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod people;
mod postgres_away;
mod series;
#[path = "../it/socket.rs"]
mod socket;
mod stop;
mod strangers;
mod until;
