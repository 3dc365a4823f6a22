//! What a running system does at its edges: with input that no honest client sends, with clients that are silent, slow
//! or too many, while a part of it is away. Real processes and sockets, as in the other tests of this package.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod accounts_away;
mod bare;
mod bodies;
mod closes;
mod frames;
mod handshakes;
mod heartbeat;
#[path = "../it/people.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod people;
mod postgres_away;
#[path = "../it/socket.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod socket;
mod stop;
mod strangers;
mod until;
