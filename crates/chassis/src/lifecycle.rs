//! Start and stop of a process: every task has an owner, a stop token and a join.
//!
//! A process takes its leave first (it says that it is not ready, and serves on until the load balancer must have seen that),
//! then stops softly (the token is cancelled, tasks finish what they hold), then hard when the deadline has passed or a
//! second signal comes. The shape follows matrix-authentication-service's `lifecycle.rs`.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Spawns tasks that are joined at the stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    stop: CancellationToken,
    /// A child of the other: who stops has left.
    leave: CancellationToken,
    hard: CancellationToken,
    tracker: TaskTracker,
    failed: Arc<AtomicBool>,
}

impl Default for Tasks {
    fn default() -> Self {
        let stop = CancellationToken::new();
        let leave = stop.child_token();
        Self {
            stop,
            leave,
            hard: CancellationToken::new(),
            tracker: TaskTracker::new(),
            failed: Arc::default(),
        }
    }
}

impl Tasks {
    /// Tasks without a running [`Lifecycle`]: for tests, which cancel [`Tasks::stop`] themselves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when nobody new should be sent to the process, which still serves whoever comes; at the latest when it
    /// stops.
    pub fn leave(&self) -> &CancellationToken {
        &self.leave
    }

    /// Cancelled when the process should finish its work.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs `task` to its end. At a hard stop it is dropped where it stands.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.launch(name, false, task);
    }

    /// Runs a task without which the process must not go on: when it ends or panics before the stop, the process
    /// stops with a failure.
    pub fn spawn_essential<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.launch(name, true, task);
    }

    /// Counts work that somebody else runs (an upgraded connection) among the tasks to be joined.
    pub fn token(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// Ends when all tasks have ended. Call after [`Tasks::stop`] was cancelled.
    pub async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    fn launch<F>(&self, name: &'static str, essential: bool, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let watch = essential.then(|| Watch { name, tasks: self.clone() });
        let hard = self.hard.clone();
        tokio::spawn(self.tracker.track_future(async move {
            let _watch = watch;
            tokio::select! {
                biased;
                () = hard.cancelled() => tracing::warn!(task = name, "task cut at the hard stop"),
                () = task => {}
            }
        }));
    }
}

/// Stops the process when an essential task ends too early, also by a panic.
#[derive(Debug)]
struct Watch {
    name: &'static str,
    tasks: Tasks,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.tasks.stop.is_cancelled() {
            tracing::error!(task = self.name, "an essential task ended, stopping");
            self.tasks.failed.store(true, Ordering::Relaxed);
            self.tasks.stop.cancel();
        }
    }
}

/// Waits for the signals and joins the tasks.
#[derive(Debug)]
pub struct Lifecycle {
    tasks: Tasks,
    terminate: Signal,
    interrupt: Signal,
}

impl Lifecycle {
    /// Takes over SIGTERM and SIGINT.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            tasks: Tasks::default(),
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The handle that spawns.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Runs until a signal or the end of an essential task. After a signal it serves on for `leave`, not ready; then it
    /// joins all tasks, at most for `deadline`.
    pub async fn run(mut self, leave: Duration, deadline: Duration) -> ExitCode {
        let stop = self.tasks.stop.clone();
        let mut at_once = false;
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.signalled() => at_once = !self.take_leave(leave).await,
        }
        stop.cancel();
        let tasks = self.tasks.clone();
        let clean = tokio::select! {
            biased;
            () = std::future::ready(()), if at_once => false,
            () = tasks.join() => true,
            () = tokio::time::sleep(deadline) => false,
            () = self.signalled() => false,
        };
        if !clean {
            tracing::warn!("not all tasks finished in time, stopping hard");
            self.tasks.hard.cancel();
            self.tasks.join().await;
        }
        let failed = self.tasks.failed.load(Ordering::Relaxed);
        if clean && !failed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// False when a second signal does not want to wait.
    async fn take_leave(&mut self, time: Duration) -> bool {
        tracing::info!(serving_on = ?time, "signal received, not ready any more");
        self.tasks.leave.cancel();
        let stop = self.tasks.stop.clone();
        tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(time) => true,
            () = self.signalled() => false,
        }
    }

    async fn signalled(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_an_essential_task_stops_the_process() {
        let lifecycle = Lifecycle::new().unwrap();
        lifecycle.tasks().spawn_essential("short", async {});
        let code = lifecycle.run(Duration::ZERO, Duration::from_secs(5)).await;
        assert_eq!(code, ExitCode::FAILURE);
    }

    #[tokio::test]
    async fn a_panic_of_an_essential_task_stops_the_process() {
        let lifecycle = Lifecycle::new().unwrap();
        lifecycle.tasks().spawn_essential("bad", async { panic!("on purpose") });
        assert_eq!(lifecycle.run(Duration::ZERO, Duration::from_secs(5)).await, ExitCode::FAILURE);
    }

    #[tokio::test]
    async fn a_soft_stop_waits_for_the_work_in_hand() {
        let lifecycle = Lifecycle::new().unwrap();
        let tasks = lifecycle.tasks().clone();
        let done = Arc::new(AtomicBool::new(false));
        let (stop, flag) = (tasks.stop().clone(), Arc::clone(&done));
        tasks.spawn_essential("worker", async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            flag.store(true, Ordering::Relaxed);
        });
        tasks.stop().cancel();
        assert_eq!(lifecycle.run(Duration::ZERO, Duration::from_secs(5)).await, ExitCode::SUCCESS);
        assert!(done.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn who_stops_has_left() {
        let tasks = Tasks::new();
        tasks.leave().cancel();
        assert!(!tasks.stop().is_cancelled());
        let tasks = Tasks::new();
        tasks.stop().cancel();
        assert!(tasks.leave().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_cuts_a_task_that_hangs() {
        let lifecycle = Lifecycle::new().unwrap();
        lifecycle.tasks().spawn("hangs", std::future::pending());
        lifecycle.tasks().stop().cancel();
        assert_eq!(lifecycle.run(Duration::ZERO, Duration::from_secs(5)).await, ExitCode::FAILURE);
    }
}
