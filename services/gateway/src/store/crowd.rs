//! One statement for all who ask the same at about the same time: group commit, for reads.
//!
//! A statement reads for all who have come while the one before was under way. So a crowd that comes back costs the
//! database little more than one of them, takes one connection, and no client that gives up half-way takes a connection
//! along.

use std::time::Duration;

use messenger_chassis::lifecycle::Tasks;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Questions that one statement answers, and as many that queue for the next one; those beyond wait for room, not for ever.
const BATCH: usize = 256;

/// The handle that asks. The reader ends with the last one.
#[derive(Debug)]
pub struct Crowd<Q, A> {
    questions: mpsc::Sender<Asked<Q, A>>,
    wait: Duration,
}

#[derive(Debug)]
struct Asked<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<Q: Send + 'static, A: Send + 'static> Crowd<Q, A> {
    /// Starts the reader, the task `name`. `read` answers all questions, in their order. Nobody waits longer than `wait` for
    /// room in the queue, from which on two statements at most are to be waited for.
    pub fn start<R, F>(name: &'static str, wait: Duration, tasks: &Tasks, read: R) -> Self
    where
        R: Fn(Vec<Q>) -> F + Send + 'static,
        F: Future<Output = Result<Vec<A>, StoreError>> + Send + 'static,
    {
        let (questions, queue) = mpsc::channel(BATCH);
        tasks.spawn_essential(name, answer_all(read, queue));
        Self { questions, wait }
    }

    /// What is so at some moment of this call.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unavailable`] also when there was no room in time.
    pub async fn ask(&self, question: Q) -> Result<A, StoreError> {
        let (answer, answered) = oneshot::channel();
        // The reader ends only after whoever asks. Should it have failed, or should there be no room, nobody answers either.
        let _ = self.questions.send_timeout(Asked { question, answer }, self.wait).await;
        answered.await.unwrap_or(Err(StoreError::Unavailable))
    }
}

async fn answer_all<Q, A, F>(read: impl Fn(Vec<Q>) -> F, mut queue: mpsc::Receiver<Asked<Q, A>>)
where
    F: Future<Output = Result<Vec<A>, StoreError>>,
{
    let mut asked = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut asked, BATCH).await > 0 {
        let present = asked.drain(..).filter(|asked| !asked.answer.is_closed());
        let (questions, waiting): (Vec<_>, Vec<_>) =
            present.map(|Asked { question, answer }| (question, answer)).unzip();
        if questions.is_empty() {
            continue;
        }
        // A client that has left meanwhile is owed nothing.
        match read(questions).await {
            Ok(answers) => {
                for (waiting, answer) in waiting.into_iter().zip(answers) {
                    let _ = waiting.send(Ok(answer));
                }
            }
            Err(error) => {
                for waiting in waiting {
                    let _ = waiting.send(Err(error.clone()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::future::join_all;
    use futures_util::poll;
    use futures_util::stream::{FuturesUnordered, StreamExt as _};
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    /// Doubles numbers, a batch for each permit, and keeps the batches.
    struct Doubling {
        crowd: Crowd<u32, u32>,
        go: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    /// More than any test takes.
    const WAIT: Duration = Duration::from_secs(600);

    fn doubling(result: Result<(), StoreError>) -> Doubling {
        let (go, batches) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (turns, kept) = (Arc::clone(&go), Arc::clone(&batches));
        let crowd = Crowd::start("doubling", WAIT, &Tasks::new(), move |numbers: Vec<u32>| {
            let (turns, result) = (Arc::clone(&turns), result.clone());
            kept.lock().unwrap().push(numbers.clone());
            async move {
                turns.acquire().await.unwrap().forget();
                result.map(|()| numbers.iter().map(|number| 2 * number).collect())
            }
        });
        Doubling { crowd, go, batches }
    }

    #[tokio::test]
    async fn those_who_come_meanwhile_are_answered_together_and_each_with_his_own() {
        let Doubling { crowd, go, batches } = doubling(Ok(()));
        let all = join_all((0..600).map(|number| crowd.ask(number)));
        go.add_permits(600);
        let answers: Vec<_> = all.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..600).map(|number| 2 * number).collect::<Vec<_>>());
        let batches = batches.lock().unwrap();
        assert!(batches.len() < 10 && batches.iter().all(|batch| batch.len() <= BATCH), "{}", batches.len());
    }

    #[tokio::test]
    async fn whoever_has_left_is_not_asked_for_and_takes_no_answer_along() {
        let Doubling { crowd, go, batches } = doubling(Ok(()));
        let (mut asked, mut queued) = (Box::pin(crowd.ask(1)), Box::pin(crowd.ask(2)));
        assert!(poll!(&mut asked).is_pending());
        while batches.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        // The first is being answered, the second waits for the next statement: both leave.
        assert!(poll!(&mut queued).is_pending());
        drop((asked, queued));
        go.add_permits(2);
        assert_eq!(crowd.ask(3).await, Ok(6));
        assert_eq!(*batches.lock().unwrap(), [[1], [3]]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_room_is_told_in_time() {
        let Doubling { crowd, .. } = doubling(Ok(()));
        let mut all: FuturesUnordered<_> = (0..1_000).map(|number| crowd.ask(number)).collect();
        // Nobody is answered: some are in hand, some are queued, and the others wait for room.
        let mut refused = 0;
        while let Ok(Some(answer)) = timeout(2 * WAIT, all.next()).await {
            assert_eq!(answer, Err(StoreError::Unavailable));
            refused += 1;
        }
        assert!((1_000 - 2 * BATCH..1_000).contains(&refused), "{refused}");
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_of_the_batch_and_the_next_is_tried() {
        let Doubling { crowd, go, batches } = doubling(Err(StoreError::Unavailable));
        go.add_permits(10);
        let answers = join_all([crowd.ask(1), crowd.ask(2)]).await;
        assert_eq!(answers, [Err(StoreError::Unavailable), Err(StoreError::Unavailable)]);
        assert_eq!(crowd.ask(3).await, Err(StoreError::Unavailable));
        assert_eq!(batches.lock().unwrap().last().unwrap(), &[3]);
    }
}
