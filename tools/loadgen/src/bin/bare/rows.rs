//! Rows like those that the messenger stores: messages of dialogs.

use uuid::Uuid;

/// Far above any user of a real system.
const FIRST_USER: i64 = 1 << 40;

/// A dialog of two users whom nobody else knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialog {
    pub(crate) conversation: i64,
    pub(crate) sender: i64,
    pub(crate) recipient: i64,
}

impl Dialog {
    /// The dialog of the `index`th pair, in a conversation that is yet to be found.
    pub(crate) fn of_pair(index: i64) -> Self {
        Self {
            conversation: index + 1,
            sender: FIRST_USER + 2 * index,
            recipient: FIRST_USER + 2 * index + 1,
        }
    }
}

/// The messages of some dialogs, by turns.
#[derive(Debug)]
pub(crate) struct Source {
    dialogs: Vec<Dialog>,
    made: usize,
    body: String,
}

/// A batch as the arrays that a statement takes.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) conversations: Vec<i64>,
    pub(crate) seqs: Vec<i64>,
    pub(crate) uuids: Vec<Uuid>,
    pub(crate) senders: Vec<i64>,
    pub(crate) recipients: Vec<i64>,
    pub(crate) bodies: Vec<String>,
}

impl Source {
    pub(crate) fn new(dialogs: &[Dialog], bytes: usize) -> Self {
        Self { dialogs: dialogs.to_vec(), made: 0, body: "x".repeat(bytes) }
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// The next message's dialog and its place there.
    pub(crate) fn next(&mut self) -> (Dialog, i64) {
        let dialog = self.dialogs[self.made % self.dialogs.len()];
        let seq = i64::try_from(self.made / self.dialogs.len()).unwrap_or(i64::MAX) + 1;
        self.made += 1;
        (dialog, seq)
    }

    pub(crate) fn batch(&mut self, rows: usize) -> Columns {
        let mut columns = Columns::default();
        for _ in 0..rows {
            let (dialog, seq) = self.next();
            columns.conversations.push(dialog.conversation);
            columns.seqs.push(seq);
            columns.uuids.push(Uuid::now_v7());
            columns.senders.push(dialog.sender);
            columns.recipients.push(dialog.recipient);
            columns.bodies.push(self.body.clone());
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialog_has_a_sequence_without_gaps() {
        let dialogs = [Dialog::of_pair(0), Dialog::of_pair(1)];
        let mut source = Source::new(&dialogs, 3);
        let first = source.batch(3);
        let second = source.batch(2);
        assert_eq!((first.conversations, first.seqs), (vec![1, 2, 1], vec![1, 1, 2]));
        assert_eq!((second.conversations, second.seqs), (vec![2, 1], vec![2, 3]));
        assert_eq!(first.bodies, ["xxx"; 3]);
    }
}
