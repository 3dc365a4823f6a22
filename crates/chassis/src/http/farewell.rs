//! The last words of a connection reach the client. A socket that is closed while bytes of the client wait in it is reset,
//! and what we have said before may be lost on the way; so it is read on for a while, to nowhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::lifecycle::Tasks;

/// How long the client has to read and to leave.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that are read meanwhile at most.
const BYTES: usize = 4 * 1024 * 1024;
/// Connections that are said farewell to at once; those beyond are closed at once.
const AT_ONCE: usize = 1_000;
/// Bytes that are read at once.
const PART: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Farewells {
    tasks: Tasks,
    places: Arc<Semaphore>,
}

impl Farewells {
    pub(super) fn new(tasks: Tasks) -> Arc<Self> {
        Arc::new(Self { tasks, places: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Closes the connection when the client has, and after a while in any case.
    pub(super) fn say(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        if Handle::try_current().is_err() {
            return;
        }
        self.tasks.spawn("farewell", async move {
            let _place = place;
            let _ = timeout(PATIENCE, discard(stream)).await;
        });
    }
}

async fn discard(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut part = vec![0; PART];
    let mut read = 0;
    while read < BYTES {
        match stream.read(&mut part).await? {
            0 => break,
            more => read += more,
        }
    }
    Ok(())
}
