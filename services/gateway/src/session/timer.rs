//! The one timer of a socket: heartbeat and the token's end.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What has become due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The client was silent for a while: ping it.
    Ping,
    /// The pause is over: the socket may be read again.
    Read,
    /// The client was silent for too long.
    Dead,
    /// The token has expired.
    Expired,
}

#[derive(Debug)]
pub(super) struct Timer {
    ping_after: Duration,
    dead_after: Duration,
    expires_at: Instant,
    heard_at: Instant,
    pinged: bool,
    paused_until: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    pub(super) fn new(ping_after: Duration, dead_after: Duration, expires_at: Instant) -> Self {
        let heard_at = Instant::now();
        let sleep = Box::pin(sleep_until((heard_at + ping_after).min(expires_at)));
        Self { ping_after, dead_after, expires_at, heard_at, pinged: false, paused_until: None, sleep }
    }

    /// The client has sent something, at the moment returned. Costs no timer operation: the sleep is corrected when it
    /// ends.
    pub(super) fn heard(&mut self) -> Instant {
        self.heard_at = Instant::now();
        self.pinged = false;
        self.heard_at
    }

    /// Makes [`Due::Read`] due after `time`.
    pub(super) fn pause(&mut self, time: Duration) {
        self.paused_until = Some(self.heard_at + time);
        let next = self.next();
        self.sleep.as_mut().reset(next);
    }

    /// Whether [`Due::Read`] is still to come.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// The token is replaced by one that ends then.
    pub(super) fn renew(&mut self, expires_at: Instant) {
        self.expires_at = expires_at;
        let next = self.next();
        self.sleep.as_mut().reset(next);
    }

    /// Ends when something may be due; then ask [`Timer::elapsed`]. Cancel-safe.
    pub(super) async fn due(&mut self) {
        loop {
            self.sleep.as_mut().await;
            let next = self.next();
            if next <= Instant::now() {
                return;
            }
            self.sleep.as_mut().reset(next);
        }
    }

    /// What is due now; arms the timer for what comes next.
    pub(super) fn elapsed(&mut self) -> Due {
        let now = Instant::now();
        if now >= self.expires_at {
            return Due::Expired;
        }
        if now >= self.heard_at + self.dead_after {
            return Due::Dead;
        }
        let due =
            if self.paused_until.take_if(|until| *until <= now).is_some() { Due::Read } else { Due::Ping };
        self.pinged |= due == Due::Ping;
        let next = self.next();
        self.sleep.as_mut().reset(next);
        due
    }

    fn next(&self) -> Instant {
        let silence = if self.pinged { self.dead_after } else { self.ping_after };
        let end = (self.heard_at + silence).min(self.expires_at);
        self.paused_until.map_or(end, |until| until.min(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Duration = Duration::from_secs(25);
    const DEAD: Duration = Duration::from_secs(35);

    fn timer(lives: Duration) -> Timer {
        Timer::new(PING, DEAD, Instant::now() + lives)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_pinged_then_dead() {
        let (start, mut timer) = (Instant::now(), timer(Duration::from_secs(3600)));
        timer.due().await;
        assert_eq!((timer.elapsed(), start.elapsed()), (Due::Ping, PING));
        timer.due().await;
        assert_eq!((timer.elapsed(), start.elapsed()), (Due::Dead, DEAD));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_lives_until_its_token_ends() {
        let lives = Duration::from_secs(3600);
        let (start, mut timer) = (Instant::now(), timer(lives));
        loop {
            timer.due().await;
            match timer.elapsed() {
                Due::Ping => _ = timer.heard(),
                end => break assert_eq!((end, start.elapsed()), (Due::Expired, lives)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_token_lives_on() {
        let (start, mut timer) = (Instant::now(), timer(PING / 5));
        timer.renew(start + PING / 2);
        timer.due().await;
        assert_eq!((timer.elapsed(), start.elapsed()), (Due::Expired, PING / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_by_itself_and_moves_nothing_else() {
        let (start, mut timer) = (Instant::now(), timer(Duration::from_secs(3600)));
        timer.pause(PING / 5);
        assert!(timer.is_paused());
        timer.due().await;
        assert_eq!((timer.elapsed(), start.elapsed(), timer.is_paused()), (Due::Read, PING / 5, false));
        timer.due().await;
        assert_eq!((timer.elapsed(), start.elapsed()), (Due::Ping, PING));
    }

    #[tokio::test(start_paused = true)]
    async fn a_talking_client_is_not_pinged() {
        let (start, mut timer) = (Instant::now(), timer(Duration::from_secs(3600)));
        tokio::time::advance(PING / 2).await;
        timer.heard();
        timer.due().await;
        assert_eq!((timer.elapsed(), start.elapsed()), (Due::Ping, PING + PING / 2));
    }
}
