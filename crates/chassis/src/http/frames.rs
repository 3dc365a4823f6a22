//! Walks over the frames of a WebSocket (RFC 6455 section 5.2) from head to head, without a look at what they carry.

/// The final frame of a message, and every control frame, has this bit in its first byte.
const FINAL: u8 = 0x80;
/// The payload is masked by four bytes before it, has this bit in its second byte.
const MASKED: u8 = 0x80;
/// Bytes of a head without the mask, at most.
const HEAD: usize = 10;

/// Where in a frame the stream is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    have: usize,
    /// Bytes before the next head.
    skip: u64,
}

impl Frames {
    /// Goes on by these bytes: how many of the frames that begin in them end no message.
    pub(super) fn walk(&mut self, mut bytes: &[u8]) -> u32 {
        let mut fragments = 0;
        while let [first, rest @ ..] = bytes {
            if self.skip > 0 {
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= u64::try_from(skipped).unwrap_or(self.skip);
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.have) {
                *place = *first;
            }
            self.have += 1;
            if let Some(length) = self.length() {
                fragments += u32::from(self.head[0] & FINAL == 0);
                let mask = if self.head[1] & MASKED == 0 { 0 } else { 4 };
                (self.have, self.skip) = (0, length.saturating_add(mask));
            }
        }
        fragments
    }

    /// The length of the payload, once the head is whole.
    fn length(&self) -> Option<u64> {
        let [_, short, long @ ..] = &self.head;
        match (short & !MASKED, self.have) {
            (_, ..2) | (126, ..4) | (127, ..HEAD) => None,
            (126, _) => Some(u64::from(u16::from_be_bytes([long[0], long[1]]))),
            (127, _) => Some(u64::from_be_bytes(*long)),
            (length, _) => Some(u64::from(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame of a client.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
            }
        }
        bytes.extend([0xFF; 4]);
        // Bytes that would be heads of fragments themselves.
        bytes.extend(std::iter::repeat_n(0, length));
        bytes
    }

    #[test]
    fn frames_that_end_no_message_are_counted_however_the_bytes_arrive() {
        let frames = [
            frame(0x81, 5),
            frame(0x01, 0),
            frame(0x00, 0),
            frame(0x89, 125),
            frame(0x00, 126),
            frame(0x00, 65_535),
            frame(0x00, 70_000),
            frame(0x80, 3),
            frame(0x8A, 0),
            frame(0x02, 1),
        ];
        let bytes = frames.concat();
        for step in [1, 2, 3, 7, 125, 4_096, bytes.len()] {
            let mut walk = Frames::default();
            let counted: u32 = bytes.chunks(step).map(|part| walk.walk(part)).sum();
            assert_eq!((counted, walk.skip, walk.have), (6, 0, 0), "by {step}");
        }
    }

    #[test]
    fn a_frame_without_an_end_is_one() {
        let mut walk = Frames::default();
        let mut head = vec![0x01, 0x80 | 127];
        head.extend(u64::MAX.to_be_bytes());
        assert_eq!(walk.walk(&head), 1);
        assert_eq!(walk.walk(&[0; 10_000]), 0);
    }
}
