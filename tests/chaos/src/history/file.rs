//! A history in a file: written by a task of its own while the run goes on, read line by line afterwards.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Event, Record};

/// Records that may wait to be written; whoever has one more waits.
const WAITING: usize = 65_536;
/// Bytes collected before a write.
const BUFFER: usize = 1 << 20;

/// Takes what happens, from any task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    began: Instant,
    records: mpsc::Sender<Record>,
}

/// The file behind a [`Writer`].
#[derive(Debug)]
pub struct WriterHandle(JoinSet<Result<u64>>);

impl Writer {
    /// A new, empty history, which begins now.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> Result<(Self, WriterHandle)> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let (records, taken) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        task.spawn_blocking(move || write(taken, file));
        Ok((Self { began: Instant::now(), records }, WriterHandle(task)))
    }

    /// Microseconds since the history began.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Adds what happened just now. Events of one caller keep their order.
    pub async fn add(&self, event: Event) {
        let record = Record { at: self.now(), event };
        // The file is broken when nobody takes it; the handle tells.
        let _ = self.records.send(record).await;
    }
}

impl WriterHandle {
    /// Waits until all writers are gone and everything is in the file; how many records that are.
    ///
    /// # Errors
    /// When the file could not be written.
    pub async fn finish(mut self) -> Result<u64> {
        self.0.join_next().await.context("the history's writer")??.context("write the history")
    }
}

fn write(mut records: mpsc::Receiver<Record>, file: File) -> Result<u64> {
    let mut out = BufWriter::with_capacity(BUFFER, file);
    let mut count = 0;
    while let Some(record) = records.blocking_recv() {
        serde_json::to_writer(&mut out, &record)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

/// Calls `take` with every record and its number, from 1.
///
/// # Errors
/// When the file cannot be read, or a line is no record.
pub fn read(path: &Path, mut take: impl FnMut(u64, Record)) -> Result<()> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    for (number, line) in (1..).zip(BufReader::with_capacity(BUFFER, file).lines()) {
        let record = serde_json::from_str(&line?).with_context(|| format!("line {number}"))?;
        take(number, record);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::history::{Device, Entry, Kind, Op, digest};

    #[tokio::test]
    async fn what_is_written_is_read() {
        let path = std::env::temp_dir().join(format!("messenger-history-{}", std::process::id()));
        let (writer, handle) = Writer::create(&path).expect("create");
        let device = Device { user: 3, number: 1 };
        let entry = Entry {
            conversation: 1,
            seq: 2,
            id: 3,
            kind: Kind::Message,
            sender: 3,
            message: Uuid::from_u128(9),
            subject: None,
            digest: Some(digest("hé")),
        };
        let events = [
            Event::Invoke {
                call: 1,
                device,
                op: Op::Send,
                conversation: None,
                message: Some(Uuid::from_u128(9)),
                digest: Some(digest("hé")),
                user: Some(4),
            },
            Event::Conversation { conversation: 1, dialog: Some((3, 4)), last_seq: 2 },
            Event::Receive { device, connection: 1, entry },
            Event::End,
        ];
        for event in &events {
            writer.add(event.clone()).await;
        }
        drop(writer);
        assert_eq!(handle.finish().await.expect("finish"), 4);
        let mut found = Vec::new();
        read(&path, |number, record| found.push((number, record.event))).expect("read");
        std::fs::remove_file(&path).expect("clean");
        assert!(found.iter().map(|(number, _)| *number).eq(1..=4));
        assert!(found.into_iter().map(|(_, event)| event).eq(events));
    }
}
