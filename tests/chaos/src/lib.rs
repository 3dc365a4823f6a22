//! The proof that nothing is lost, doubled, disordered or shown to strangers while processes and networks break.
//!
//! - [`history`]: everything that clients did and saw, one record a line.
//! - [`checker`]: reads a history and names every breach of the promise; pure and offline.
//! - [`scenario`]: starts the real system, loads it, lets the [`nemesis`] break it, and has the history judged.
//!
//! It knows the system as a client and an operator do, and imports no service.

pub mod checker;
mod dump;
pub mod history;
mod load;
pub mod nemesis;
mod observer;
mod recorder;
pub mod scenario;
pub mod skew;
mod stack;
