//! The words of messaging: plain data and rules, no I/O, no wire format.

pub mod ids;

pub mod content;
pub mod page;
pub mod sync;

pub mod entry;
pub mod event;
pub mod greeting;

pub mod budget;
pub mod command;
pub mod reply;

pub mod authority;
pub mod caller;
pub mod close;
pub mod error;
