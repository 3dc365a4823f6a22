//! Argon2id off the runtime's threads, a few at a time, behind everybody else.
//!
//! A hash costs tens of milliseconds and megabytes on purpose. So the number in work is bounded, the number waiting is
//! bounded, who waits too long is told to come back, and the work is of the lowest priority: a flood of log-ins must
//! not take the machine.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Params, Version};
use messenger_chassis::telemetry::TRACED;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::domain::{Error, Password};

use super::memory::{Hasher, Memory};
use super::workers::Workers;

/// Cost of a hash and bounds of the work.
#[derive(Debug, Clone)]
pub struct HashLimits {
    /// Memory of one hash, KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes of one hash.
    pub parallelism: u32,
    /// Hashes in work at once.
    pub concurrency: usize,
    /// Requests that may wait for their turn.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Duration,
}

/// Makes and checks password hashes. Cheap to clone.
#[derive(Clone)]
pub struct PasswordHashes {
    params: Params,
    /// A hash that no password fits: checked when the user is unknown, so that both answers take the same time.
    decoy: Arc<str>,
    admitted: Arc<Semaphore>,
    working: Arc<Semaphore>,
    workers: Arc<Workers<Memory>>,
    wait: Duration,
}

/// Why passwords cannot be hashed at all.
#[derive(Debug, thiserror::Error)]
pub enum HashSetupError {
    /// The parameters are outside of what Argon2 allows.
    #[error("the cost of a hash")]
    Cost(#[from] argon2::password_hash::Error),
    /// The system gives no threads.
    #[error("start the threads")]
    Threads(#[from] io::Error),
}

impl fmt::Debug for PasswordHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHashes").field("wait", &self.wait).finish_non_exhaustive()
    }
}

impl PasswordHashes {
    /// Starts the threads and computes the decoy, which takes as long as one hash.
    ///
    /// # Errors
    /// See [`HashSetupError`].
    pub fn new(limits: &HashLimits) -> Result<Self, HashSetupError> {
        let params = Params::new(limits.memory_kib, limits.iterations, limits.parallelism, None)
            .map_err(argon2::password_hash::Error::from)?;
        let decoy =
            Memory::default().hasher(&params).hash_password(uuid::Uuid::new_v4().as_bytes())?.to_string();
        Ok(Self {
            params,
            decoy: decoy.into(),
            admitted: Arc::new(Semaphore::new(limits.concurrency + limits.queue)),
            working: Arc::new(Semaphore::new(limits.concurrency)),
            workers: Arc::new(Workers::start(limits.concurrency)?),
            wait: limits.wait,
        })
    }

    /// The PHC string of a new password, with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already, or this one has waited too long.
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        let hash = self.work(move |hasher| hasher.hash_password(password.expose().as_bytes())).await?;
        hash.map(|hash| hash.to_string()).map_err(|error| Error::Internal(error.into()))
    }

    /// Whether `password` fits `hash`. Without a hash the work is done all the same and the answer is no.
    ///
    /// # Errors
    /// As [`PasswordHashes::hash`]; [`Error::Internal`] when the stored hash cannot be read.
    pub async fn verify(&self, password: Password, hash: Option<&str>) -> Result<bool, Error> {
        let known = hash.is_some();
        let stored =
            PasswordHash::new(hash.unwrap_or(&self.decoy)).map_err(|error| Error::Internal(error.into()))?;
        let fits =
            self.work(move |hasher| hasher.verify_password(password.expose().as_bytes(), &stored)).await?;
        match fits {
            Ok(()) => Ok(known),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(Error::Internal(error.into())),
        }
    }

    /// Whether `hash` costs a guesser less than one that is made today: fewer passes, less memory, or another algorithm.
    pub fn is_outdated(&self, hash: &str) -> bool {
        let today = &self.params;
        let Ok(hash) = PasswordHash::new(hash) else { return false };
        let Ok(params) = Params::try_from(&hash) else { return true };
        hash.algorithm != Algorithm::Argon2id.ident()
            || hash.version != Some(Version::V0x13.into())
            || params.m_cost() < today.m_cost()
            || params.t_cost() < today.t_cost()
    }

    async fn work<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Hasher<'_>) -> T + Send + 'static,
    {
        let turn = self.turn().instrument(tracing::info_span!(target: TRACED, "password.wait")).await?;
        let (params, span) = (self.params.clone(), tracing::info_span!(target: TRACED, "password.hash"));
        let (answer, answered) = oneshot::channel();
        let hash = move |memory: &mut Memory| {
            let done = {
                // The permits live as long as the work, also when the client has gone away.
                let _turn = turn;
                let started = Instant::now();
                let done = span.in_scope(|| job(&memory.hasher(&params)));
                metrics::histogram!("accounts_password_hash_seconds").record(started.elapsed().as_secs_f64());
                done
            };
            // Nobody waits when the client has gone away.
            drop(answer.send(done));
        };
        // There is room: a turn is one of as many as there are threads.
        self.workers.run(hash).map_err(|error| Error::Internal(error.into()))?;
        // Without an answer the hash has panicked.
        answered.await.map_err(|error| Error::Internal(error.into()))
    }

    async fn turn(&self) -> Result<Turn, Error> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|refused| match refused {
            TryAcquireError::NoPermits => Error::Busy,
            TryAcquireError::Closed => Error::Internal("the password queue is closed".into()),
        })?;
        let waiting = Counted::new("accounts_password_hashes_waiting");
        let working = timeout(self.wait, Arc::clone(&self.working).acquire_owned()).await;
        drop(waiting);
        let working = working.map_err(|_| Error::Busy)?.map_err(|error| Error::Internal(error.into()))?;
        Ok(Turn {
            _active: Counted::new("accounts_password_hashes_active"),
            _working: working,
            _admitted: admitted,
        })
    }
}

/// The right to compute one hash. Not counted any more before the next one gets it: fields are dropped in their order.
struct Turn {
    _active: Counted,
    _working: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
}

/// Counts itself in a gauge as long as it lives.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(name: &'static str) -> Self {
        let gauge = metrics::gauge!(name);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(concurrency: usize, queue: usize, wait: Duration) -> PasswordHashes {
        let limits = HashLimits { memory_kib: 64, iterations: 1, parallelism: 1, concurrency, queue, wait };
        PasswordHashes::new(&limits).unwrap()
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let hashes = hashes(1, 1, Duration::from_secs(5));
        let hash = hashes.hash(Password::given("open sesame")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(hashes.verify(Password::given("open sesame"), Some(&hash)).await.unwrap());
        assert!(!hashes.verify(Password::given("open barley"), Some(&hash)).await.unwrap());
        assert!(!hashes.verify(Password::given("open sesame"), None).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_password_never_has_the_same_hash() {
        let hashes = hashes(1, 1, Duration::from_secs(5));
        let one = hashes.hash(Password::given("open sesame")).await.unwrap();
        let two = hashes.hash(Password::given("open sesame")).await.unwrap();
        assert_ne!(one, two);
    }

    #[tokio::test]
    async fn an_unreadable_hash_is_our_fault() {
        let hashes = hashes(1, 1, Duration::from_secs(5));
        let result = hashes.verify(Password::given("x"), Some("md5:abc")).await;
        assert!(matches!(result, Err(Error::Internal(_))), "{result:?}");
    }

    #[test]
    fn a_hash_that_costs_less_than_one_of_today_is_outdated() {
        let hashes = hashes(1, 1, Duration::from_secs(5));
        let rest = "c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        let outdated = |begin: &str| hashes.is_outdated(&format!("{begin}${rest}"));
        for begin in
            ["$argon2id$v=19$m=64,t=1,p=1", "$argon2id$v=19$m=128,t=2,p=1", "$argon2id$v=19$m=64,t=1,p=4"]
        {
            assert!(!outdated(begin), "{begin}");
        }
        for begin in
            ["$argon2id$v=19$m=32,t=1,p=1", "$argon2i$v=19$m=64,t=1,p=1", "$argon2id$v=16$m=64,t=1,p=1"]
        {
            assert!(outdated(begin), "{begin}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_at_once() {
        let hashes = hashes(1, 0, Duration::from_secs(3_600));
        let turn = hashes.turn().await.unwrap();
        assert!(matches!(hashes.hash(Password::given("x")).await, Err(Error::Busy)));
        drop(turn);
        assert!(hashes.hash(Password::given("x")).await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_is_our_fault_and_costs_no_turn() {
        let hashes = hashes(1, 0, Duration::from_secs(5));
        let result = hashes.work(|_| panic!("on purpose")).await;
        assert!(matches!(result, Err::<(), _>(Error::Internal(_))), "{result:?}");
        assert!(hashes.hash(Password::given("x")).await.is_ok());
    }

    #[tokio::test]
    async fn all_that_may_wait_are_answered() {
        let hashes = hashes(2, 30, Duration::from_secs(60));
        let asked = (0..32).map(|_| hashes.hash(Password::given("x")));
        let answers = futures_util::future::join_all(asked).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_has_an_end() {
        let hashes = hashes(1, 1, Duration::from_secs(2));
        let _turn = hashes.turn().await.unwrap();
        assert!(matches!(hashes.hash(Password::given("x")).await, Err(Error::Busy)));
    }
}
