//! The task of a worker: hands it what comes and gets from the log what it asks for.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::gate::Need;
use super::worker::{Input, Read, Worker};
use super::{Context, log};

/// Inputs taken at once.
const BATCH: usize = 256;

/// Runs until every handle that could send is gone. `inputs` leads back into the queue; weak, so that the queue ends
/// with the last handle outside.
pub(super) async fn run(
    mut worker: Worker,
    context: Arc<Context>,
    mut queue: mpsc::Receiver<Input>,
    inputs: mpsc::WeakSender<Input>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let due = worker.due();
        tokio::select! {
            count = queue.recv_many(&mut batch, BATCH) => if count == 0 { return },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
        for wanted in worker.turn(batch.drain(..), Instant::now()) {
            read(&context, wanted, &inputs);
        }
    }
}

/// Reads beside the worker; the answer comes as an input.
fn read(context: &Arc<Context>, wanted: Read, inputs: &mpsc::WeakSender<Input>) {
    let Some(inputs) = inputs.upgrade() else { return };
    let reader = Arc::clone(context);
    context.tasks.spawn("log read", async move {
        let Read { ticket, need, since } = wanted;
        let input = match need {
            Need::Position => {
                Input::Position(ticket, log::position(&reader, ticket.conversation, since).await)
            }
            Need::Fill { after, up_to } => {
                Input::Filled(ticket, log::read(&reader, ticket.conversation, after, up_to).await)
            }
        };
        // A closed queue means that the process stops: nobody is left to deliver to.
        let _ = inputs.send(input).await;
    });
}
