//! A few threads that take only what everybody else on the machine leaves. Knows nothing of passwords.
//!
//! They have the lowest priority, so whatever answers somebody runs first: the runtime's own threads, gateways, the
//! database. What they lock is held for moments only. The priority is one of Linux; elsewhere the threads are like any other.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Name of the threads; Linux shows 15 letters.
const NAME: &str = "password-hash";

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// The threads, each with a state of its own that its jobs find as the one before has left it. They end with it: a job in
/// hand is waited for.
pub(super) struct Workers<S> {
    /// `None` only while the threads are waited for.
    jobs: Option<SyncSender<Job<S>>>,
    threads: Vec<JoinHandle<()>>,
}

/// So many jobs wait or run already, or the threads are gone.
#[derive(Debug, thiserror::Error)]
#[error("no worker is free")]
pub(super) struct NoneFree;

impl<S: Default + 'static> Workers<S> {
    /// Starts `count` threads, for which as many jobs may wait.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job<S>>(count);
        let queue = Arc::new(Mutex::new(queue));
        let thread = |_| {
            let queue = Arc::clone(&queue);
            Builder::new().name(NAME.to_owned()).spawn(move || serve(&queue))
        };
        let threads = (0..count).map(thread).collect::<io::Result<_>>()?;
        Ok(Self { jobs: Some(jobs), threads })
    }

    /// Has a thread run `job`, without waiting for it. A job that panics is dropped and costs no thread.
    pub(super) fn run(&self, job: impl FnOnce(&mut S) + Send + 'static) -> Result<(), NoneFree> {
        self.jobs.as_ref().ok_or(NoneFree)?.try_send(Box::new(job)).map_err(|_| NoneFree)
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.jobs = None;
        // They catch the panics of their jobs.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn serve<S: Default>(queue: &Mutex<Receiver<Job<S>>>) {
    yield_to_all();
    let mut state = S::default();
    loop {
        // Nothing can fail while it is held, and only those wait for it who have nothing to do.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The hook has told of a panic; whoever waits for the job sees that it has gone.
        drop(catch_unwind(AssertUnwindSafe(|| job(&mut state))));
    }
}

/// Niceness alone is too little: beside a flood of log-ins the median of other answers was four times as high with it as with
/// the idle policy. It is for systems that refuse the policy. Both are the thread's own.
#[cfg(target_os = "linux")]
fn yield_to_all() {
    use thread_priority::ThreadPriority;
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // Sets the niceness to 0 too, therefore first.
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::warn!(?error, "could not set the idle policy for password hashes");
    }
    if let Err(error) = rustix::process::nice(LEAST) {
        tracing::warn!(%error, "could not set the niceness of password hashes");
    }
}

/// The lowest priority that niceness has.
#[cfg(target_os = "linux")]
const LEAST: i32 = 19;

#[cfg(not(target_os = "linux"))]
fn yield_to_all() {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Niceness and policy of this thread, as proc(5) tells them.
    #[cfg(target_os = "linux")]
    fn priority() -> (String, String) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        (fields[16].to_owned(), fields[38].to_owned())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_workers_have_the_lowest_priority() {
        let before = priority();
        let workers = Workers::<u32>::start(1).unwrap();
        let (tell, told) = channel();
        workers.run(move |_| tell.send(priority()).unwrap()).unwrap();
        let idle = "5";
        assert_eq!(told.recv(), Ok((LEAST.to_string(), idle.to_owned())));
        assert_eq!(priority(), before);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let workers = Workers::<u32>::start(1).unwrap();
        let (tell, told) = channel();
        let (gone, lost) = channel::<()>();
        workers
            .run(move |_| {
                let _gone = gone;
                panic!("on purpose")
            })
            .unwrap();
        lost.recv().unwrap_err();
        workers.run(move |_| tell.send(std::thread::current().name().map(str::to_owned)).unwrap()).unwrap();
        assert_eq!(told.recv().unwrap().as_deref(), Some(NAME));
    }

    #[test]
    fn jobs_that_wait_are_bounded_and_finished_before_the_end() {
        let workers = Workers::<u32>::start(1).unwrap();
        let (begin, begun) = channel();
        let (go, wait) = channel::<()>();
        let (tell, told) = channel();
        workers
            .run(move |_| {
                begin.send(()).unwrap();
                wait.recv().unwrap();
            })
            .unwrap();
        begun.recv().unwrap();
        workers.run(move |_| tell.send(()).unwrap()).unwrap();
        workers.run(|_| ()).unwrap_err();
        go.send(()).unwrap();
        drop(workers);
        assert_eq!(told.try_recv(), Ok(()));
    }

    #[test]
    fn what_a_job_leaves_the_next_one_of_the_thread_finds() {
        let workers = Workers::<u32>::start(1).unwrap();
        let (tell, told) = channel();
        for _ in 0..3 {
            let tell = tell.clone();
            let count = move |state: &mut u32| {
                *state += 1;
                tell.send(*state).unwrap();
            };
            workers.run(count).unwrap();
            told.recv().unwrap();
        }
        workers.run(move |state| tell.send(*state).unwrap()).unwrap();
        assert_eq!(told.recv(), Ok(3));
    }
}
