//! What the gate of a connection and whoever answers its requests tell each other.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::head::Fault;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// The client's: to send a request.
    #[default]
    Listening,
    /// Ours: to answer it.
    Busy,
    /// Ours: to refuse it, and to end the connection.
    Refused(Fault),
    /// The connection was upgraded and is no HTTP any more.
    Open,
}

#[derive(Debug, Default)]
pub(super) struct Turn {
    state: Mutex<State>,
    fragments: Fragments,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// No request follows.
    over: bool,
    /// Who waits to read the next one.
    reader: Option<Waker>,
}

/// WebSocket frames of a connection that have ended no message and that nobody has counted yet. No WebSocket library tells
/// of them, although each is work.
#[derive(Debug, Clone, Default)]
pub struct Fragments(Arc<AtomicU32>);

impl Fragments {
    /// Takes one of them, if there is one.
    pub fn take_one(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
    }
}

impl Turn {
    /// The present stage. While we are to answer, `cx` is woken as soon as we have.
    pub(super) fn stage(&self, cx: &Context<'_>) -> Stage {
        let mut state = self.state();
        if state.stage == Stage::Busy {
            state.reader = Some(cx.waker().clone());
        }
        state.stage
    }

    /// A request goes in.
    pub(super) fn begin(&self) {
        self.state().stage = Stage::Busy;
    }

    /// One is refused.
    pub(super) fn refuse(&self, fault: Fault) {
        self.state().stage = Stage::Refused(fault);
    }

    /// What is wrong with the present request.
    pub(super) fn fault(&self) -> Option<Fault> {
        match self.state().stage {
            Stage::Refused(fault) => Some(fault),
            _ => None,
        }
    }

    /// The present request is answered: `last` when no other may follow, `upgraded` when no HTTP does.
    pub(super) fn answered(&self, last: bool, upgraded: bool) {
        let mut state = self.state();
        state.over |= last;
        if upgraded {
            state.stage = Stage::Open;
        } else if state.stage == Stage::Busy {
            state.stage = Stage::Listening;
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// Whether we have ended the connection, rather than the client.
    pub(super) fn is_over(&self) -> bool {
        self.state().over
    }

    /// Counts frames that have ended no message.
    pub(super) fn count(&self, fragments: u32) {
        if fragments > 0 {
            self.fragments.0.fetch_add(fragments, Ordering::Relaxed);
        }
    }

    pub(super) fn fragments(&self) -> Fragments {
        self.fragments.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
