//! Redis' protocol, just enough to find whole messages in the server's bytes and to lose some that were published.
//! It must not know what a message says.

use std::io;

use fastrand::Rng;

use super::faults::Lossy;

/// Bytes of the longest message; a longer one ends the connection.
const MESSAGE_BYTES: usize = 64 << 20;
/// How a published message begins after its head, by `SUBSCRIBE`, `SSUBSCRIBE` and `PSUBSCRIBE`.
const PUBLISHED: [&[u8]; 3] = [b"$7\r\nmessage\r\n", b"$8\r\nsmessage\r\n", b"$8\r\npmessage\r\n"];

/// The server's side of one connection.
#[derive(Debug)]
pub(super) struct Bus {
    rng: Rng,
    /// The beginning of a message whose end has not come yet.
    begun: Vec<u8>,
    /// A published message that waits for its successor.
    late: Option<Vec<u8>>,
}

impl Bus {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), begun: Vec::new(), late: None }
    }

    /// Takes bytes in as they come and gives those that are to be passed on: whole messages only.
    pub(super) fn pass(&mut self, bytes: &[u8], lossy: Option<Lossy>) -> io::Result<Vec<u8>> {
        self.begun.extend_from_slice(bytes);
        let mut passed = Vec::new();
        let mut start = 0;
        while let Some(length) = message(&self.begun[start..])? {
            let end = start + length;
            let whole = &self.begun[start..end];
            match lossy.filter(|_| is_published(whole)) {
                Some(lossy) if self.rng.f64() < lossy.lose => {}
                Some(lossy) if self.late.is_none() && self.rng.f64() < lossy.swap => {
                    self.late = Some(whole.to_owned());
                }
                _ => {
                    passed.extend_from_slice(whole);
                    passed.extend(self.late.take().into_iter().flatten());
                }
            }
            start = end;
        }
        self.begun.drain(..start);
        Ok(passed)
    }
}

fn is_published(message: &[u8]) -> bool {
    let head = message.iter().position(|byte| *byte == b'\n').map_or(message.len(), |at| at + 1);
    matches!(message.first(), Some(b'>' | b'*'))
        && PUBLISHED.iter().any(|start| message[head..].starts_with(start))
}

/// Length of the message at the start; `None` while its end is missing.
fn message(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut at = 0;
    let mut values = 1_u64;
    while values > 0 {
        let Some(line) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") else {
            return if bytes.len() > MESSAGE_BYTES { Err(strange()) } else { Ok(None) };
        };
        let head = &bytes[at..at + line];
        at += line + 2;
        let kind = head.first().ok_or_else(strange)?;
        match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => values -= 1,
            b'$' | b'!' | b'=' => {
                if let Some(length) = count(head)? {
                    at += usize::try_from(length).map_err(|_| strange())? + 2;
                }
                values -= 1;
            }
            b'*' | b'~' | b'>' => values = values - 1 + count(head)?.unwrap_or(0),
            b'%' => values = values - 1 + 2 * count(head)?.unwrap_or(0),
            // It stands before the value that it describes.
            b'|' => values += 2 * count(head)?.unwrap_or(0),
            _ => return Err(strange()),
        }
        if at > MESSAGE_BYTES || values > MESSAGE_BYTES as u64 {
            return Err(strange());
        }
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// The number in a head; `None` for -1, which stands for nothing.
fn count(head: &[u8]) -> io::Result<Option<u64>> {
    let text = std::str::from_utf8(&head[1..]).map_err(|_| strange())?;
    match text.parse::<i64>().map_err(|_| strange())? {
        -1 => Ok(None),
        number => u64::try_from(number).map(Some).map_err(|_| strange()),
    }
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not Redis' protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[u8] = b"%1\r\n$5\r\nproto\r\n:3\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n$-1\r\n|1\r\n+k\r\n+v\r\n*2\r\n+a\r\n_\r\n";

    fn published(number: u32) -> Vec<u8> {
        format!(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\n{number:04}\r\n").into_bytes()
    }

    #[test]
    fn messages_stay_whole_however_they_come() {
        let mut all = ALL.to_vec();
        all.extend(published(1));
        let everything = Some(Lossy { lose: 1.0, swap: 0.0 });
        for size in [1, 2, 3, 7, all.len()] {
            let mut bus = Bus::new(1);
            let passed: Vec<u8> =
                all.chunks(size).flat_map(|piece| bus.pass(piece, everything).expect("valid")).collect();
            assert_eq!(passed, ALL, "pieces of {size}: what was not published passes");
        }
    }

    #[test]
    fn a_share_is_lost_and_neighbours_are_swapped() {
        let mut bus = Bus::new(7);
        let lossy = Some(Lossy { lose: 0.3, swap: 0.5 });
        let mut passed = Vec::new();
        for number in 0..1000 {
            passed.extend(bus.pass(&published(number), lossy).expect("valid"));
        }
        let numbers: Vec<u32> = passed
            .chunks(published(0).len())
            .map(|message| std::str::from_utf8(&message[message.len() - 6..message.len() - 2]).expect("text"))
            .map(|text| text.parse().expect("a number"))
            .collect();
        assert!((600..800).contains(&numbers.len()), "{} of 1000 passed", numbers.len());
        let swapped = numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((100..400).contains(&swapped), "{swapped} were swapped");
    }

    #[test]
    fn other_protocols_are_refused() {
        Bus::new(1).pass(b"HTTP/1.1 200 OK\r\n", None).expect_err("no Redis");
        Bus::new(1).pass(b"$x\r\n", None).expect_err("no number");
    }
}
