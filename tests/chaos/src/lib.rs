//! The proof that nothing is lost, doubled, disordered or shown to strangers while processes and networks break.
//!
//! - [`history`]: everything that clients did and saw, one record a line.
//! - [`checker`]: reads a history and names every breach of the promise; pure and offline.
//!
//! It knows the system as a client and an operator do, and imports no service.

pub mod checker;
pub mod history;
