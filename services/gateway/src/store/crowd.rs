//! One statement for all who ask the same at about the same time: group commit, for reads.
//!
//! A statement reads for all who have come while the one before was under way. So a crowd that comes back costs the
//! database little more than one of them, takes one connection, and no client that gives up half-way takes a connection
//! along.

use messenger_chassis::lifecycle::Tasks;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Questions that one statement answers, and as many that queue for the next one; those beyond wait for room.
const BATCH: usize = 256;

/// The handle that asks. The reader ends with the last one.
#[derive(Debug)]
pub struct Crowd<Q, A>(mpsc::Sender<Asked<Q, A>>);

#[derive(Debug)]
struct Asked<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<Q: Send + 'static, A: Send + 'static> Crowd<Q, A> {
    /// Starts the reader, the task `name`. `read` answers all questions, in their order.
    pub fn start<R, F>(name: &'static str, tasks: &Tasks, read: R) -> Self
    where
        R: Fn(Vec<Q>) -> F + Send + 'static,
        F: Future<Output = Result<Vec<A>, StoreError>> + Send + 'static,
    {
        let (questions, queue) = mpsc::channel(BATCH);
        tasks.spawn_essential(name, answer_all(read, queue));
        Self(questions)
    }

    /// What is so at some moment of this call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ask(&self, question: Q) -> Result<A, StoreError> {
        let (answer, answered) = oneshot::channel();
        // The reader ends only after whoever asks. Should it have failed, nobody answers either.
        let _ = self.0.send(Asked { question, answer }).await;
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
    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers, a batch for each permit, and keeps the batches.
    struct Doubling {
        crowd: Crowd<u32, u32>,
        go: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    fn doubling(result: Result<(), StoreError>) -> Doubling {
        let (go, batches) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (turns, kept) = (Arc::clone(&go), Arc::clone(&batches));
        let crowd = Crowd::start("doubling", &Tasks::new(), move |numbers: Vec<u32>| {
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
    async fn whoever_has_left_is_not_asked_for() {
        let Doubling { crowd, go, batches } = doubling(Ok(()));
        let (first, second) = (crowd.ask(1), crowd.ask(2));
        let third = async {
            // Both are under way or queued; the second leaves.
            tokio::task::yield_now().await;
            go.add_permits(2);
            crowd.ask(3).await
        };
        let (mut second, third) = (Box::pin(second), Box::pin(third));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(second);
        let (first, third) = tokio::join!(first, third);
        assert_eq!((first, third), (Ok(2), Ok(6)));
        assert!(batches.lock().unwrap().iter().flatten().all(|number| *number != 2));
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
