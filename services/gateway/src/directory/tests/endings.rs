//! The log of ended sessions: read to its end, read again, never given up.

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tonic::Code;
use uuid::Uuid;

use super::*;
use crate::domain::ids::SessionId;

/// What was told.
#[derive(Default)]
struct Told {
    sessions: Mutex<Vec<u128>>,
    turns: watch::Sender<(u32, Option<Instant>)>,
}

impl Endings for Told {
    fn ended(&self, user: UserId, SessionId(session): SessionId) {
        assert_eq!(user, UserId(1));
        self.sessions.lock().unwrap().push(Uuid::as_u128(&session));
    }

    fn caught_up(&self, next: Option<Instant>) {
        self.turns.send_modify(|(turns, until)| (*turns, *until) = (*turns + 1, next));
    }
}

struct Following {
    server: FakeAccounts,
    told: Arc<Told>,
    now: Arc<Notify>,
    known: watch::Receiver<bool>,
}

impl Following {
    fn start(server: FakeAccounts) -> Self {
        let config = config(&server.url);
        let (told, now) = (Arc::new(Told::default()), Arc::new(Notify::new()));
        let endings = Arc::clone(&told) as Arc<dyn Endings>;
        let accounts = Accounts::new(&config).unwrap();
        let known = follow_endings(accounts, endings, config.endings(), Arc::clone(&now), &Tasks::new());
        Self { server, told, now, known }
    }

    /// Waits until so many turns are over.
    async fn turned(&self, times: u32) {
        let mut turns = self.told.turns.subscribe();
        let turned = turns.wait_for(|(turns, _)| *turns >= times);
        tokio::time::timeout(20 * SECOND, turned).await.expect("it turns").unwrap();
    }

    fn told(&self) -> Vec<u128> {
        std::mem::take(&mut *self.told.sessions.lock().unwrap())
    }
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_then_from_its_end_on() {
    let server = FakeAccounts::start();
    server.set_endings("", &[1, 2], "a", true);
    server.set_endings("a", &[3], "b", false);
    server.set_endings("b", &[4], "c", false);
    server.set_endings("c", &[], "c", false);
    let following = Following::start(server);
    following.turned(1).await;
    assert_eq!(following.told(), [1, 2, 3]);
    assert!(*following.known.borrow());
    following.now.notify_one();
    following.turned(2).await;
    assert_eq!(following.told(), [4], "at once when a notice may have been lost");
    let asked = Instant::now();
    following.turned(3).await;
    assert!(asked.elapsed() < 10 * SECOND, "and each second anyway");
    assert_eq!(following.told(), [0_u128; 0]);
}

#[tokio::test]
async fn an_outage_holds_nobody_up_and_all_is_read_again_after_it() {
    let server = FakeAccounts::start();
    server.set_endings("", &[1], "a", false);
    server.fail_next(1, Code::Internal);
    let following = Following::start(server);
    following.turned(1).await;
    assert!(!*following.known.borrow(), "nothing is known yet");
    following.turned(2).await;
    assert_eq!(following.told(), [1]);
    assert!(*following.known.borrow());
    following.server.fail_next(1, Code::Internal);
    following.now.notify_one();
    following.turned(3).await;
    let until = following.told.turns.borrow().1.expect("a turn");
    assert!(until > Instant::now(), "accounts' silence keeps nobody waiting");
    following.now.notify_one();
    following.turned(4).await;
    assert_eq!(following.told(), [1], "from the beginning: it may be another accounts");
}

#[tokio::test]
async fn a_log_without_an_end_is_left_and_an_accounts_without_a_log_is_enough() {
    let server = FakeAccounts::start();
    server.set_endings("", &[1], "", true);
    let following = Following::start(server);
    following.turned(1).await;
    assert_eq!(following.told(), [1]);
    let server = FakeAccounts::start();
    server.fail_next(u32::MAX, Code::Unimplemented);
    let following = Following::start(server);
    following.turned(1).await;
    assert!(*following.known.borrow());
}
