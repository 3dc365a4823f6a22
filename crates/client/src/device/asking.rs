//! Asking what was missed, of a server that may be busy.

use tokio::time::sleep;

use super::Options;
use crate::socket::{RequestError, Sender};
use crate::wire::v2::{Resume, Resumed};

/// The answer to one page. Who is told to come later asks again on the same socket: to connect anew would cost the server
/// more than it was asked for.
pub(super) async fn ask(
    sender: &Sender,
    request: &Resume,
    options: &Options,
) -> Result<Resumed, RequestError> {
    let mut attempts = 0;
    loop {
        let answer = sender.request(request).await;
        let Err(RequestError::Refused(refusal)) = &answer else { return answer };
        attempts += 1;
        let wait = refusal.retry_after().filter(|_| attempts < options.send_attempts);
        let Some(wait) = wait else { return answer };
        sleep(wait.min(options.backoff_cap)).await;
    }
}
