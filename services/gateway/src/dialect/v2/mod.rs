//! `messenger.v2`: the log as it is. Every request is answered with its `requestId`, every entry has its place, and a client
//! that knows its positions can tell a hole.

mod encode;
mod entry;

pub(super) use encode::{gap, watermark};
pub(super) use entry::{event, unreadable};
