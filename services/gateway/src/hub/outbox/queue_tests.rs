use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::ids::UserId;

fn entry(conversation: i64, seq: i64, bytes: usize) -> Frame {
    Frame {
        text: Bytes::from(vec![b'x'; bytes]),
        about: About::Entry {
            place: (ConversationId(conversation), Seq(seq)),
            origin: (UserId(1), Uuid::nil()),
        },
        written: None,
    }
}

fn passing() -> Frame {
    Frame { text: Bytes::from_static(b"read"), about: About::Passing, written: None }
}

fn limits(soft: usize, bytes: usize) -> Limits {
    Limits { soft_bytes: Some(soft), bytes, frames: 1_000 }
}

fn drained(queue: &mut Queue) -> Vec<Outgoing> {
    let mut all = Vec::new();
    queue.drain(|outgoing| all.push(outgoing));
    all
}

/// `c:seq` for an entry, `c:from-to` for a gap, `~` for what passes.
fn told(queue: &mut Queue) -> Vec<String> {
    let word = |outgoing| match outgoing {
        Outgoing::Frame(Frame { about: About::Entry { place: (c, seq), .. }, .. }) => format!("{c}:{seq}"),
        Outgoing::Frame(_) => "~".to_owned(),
        Outgoing::Gap(c, from, to) => format!("{c}:{from}-{to}"),
    };
    drained(queue).into_iter().map(word).collect()
}

#[test]
fn below_the_limit_everything_comes_out_as_it_went_in() {
    let mut queue = Queue::default();
    for frame in [entry(1, 1, 10), passing(), entry(2, 5, 10)] {
        queue.push(frame, &limits(100, 200)).unwrap();
    }
    assert_eq!(told(&mut queue), ["1:1", "~", "2:5"]);
    assert!(queue.is_empty());
}

#[test]
fn what_passes_goes_first() {
    let mut queue = Queue::default();
    for frame in [passing(), entry(1, 1, 150), passing(), entry(2, 1, 150)] {
        queue.push(frame, &limits(300, 1_000)).unwrap();
    }
    assert_eq!(told(&mut queue), ["1:1", "2:1"]);
}

#[test]
fn the_heaviest_conversation_becomes_a_gap_that_grows_while_it_is_queued() {
    let mut queue = Queue::default();
    let limits = limits(1_000, 10_000);
    for frame in [entry(2, 7, 200), entry(1, 1, 300), entry(2, 8, 100), entry(1, 2, 300), entry(1, 3, 300)] {
        queue.push(frame, &limits).unwrap();
    }
    queue.push(entry(1, 4, 5_000), &limits).unwrap();
    queue.push(entry(2, 9, 100), &limits).unwrap();
    assert_eq!(told(&mut queue), ["2:7", "1:1-4", "2:8", "2:9"]);
    queue.push(entry(1, 5, 300), &limits).unwrap();
    assert_eq!(told(&mut queue), ["1:5"], "the gap is out: what comes later is told");
}

#[test]
fn what_is_older_than_the_socket_is_forgotten_inside_gaps_too() {
    let mut queue = Queue::default();
    let limits = limits(1_000, 10_000);
    for seq in 1..=5 {
        queue.push(entry(1, seq, 400), &limits).unwrap();
        queue.push(entry(2, seq, 10), &limits).unwrap();
    }
    queue.begin_after(&HashMap::from([(ConversationId(1), Seq(3)), (ConversationId(2), Seq(4))]));
    assert_eq!(told(&mut queue), ["1:4-5", "2:5"]);
    for seq in 6..=9 {
        queue.push(entry(1, seq, 400), &limits).unwrap();
    }
    queue.begin_after(&HashMap::from([(ConversationId(1), Seq(9))]));
    assert!(queue.is_empty());
}

#[test]
fn without_markers_only_the_hard_limit_counts() {
    let mut queue = Queue::default();
    let limits = Limits { soft_bytes: None, bytes: 100, frames: 2 };
    queue.push(entry(1, 1, 60), &limits).unwrap();
    assert_eq!(queue.push(entry(1, 2, 60), &limits), Err(Overflow));
    let mut queue = Queue::default();
    queue.push(entry(1, 1, 1), &limits).unwrap();
    queue.push(entry(1, 2, 1), &limits).unwrap();
    assert_eq!(queue.push(entry(1, 3, 1), &limits), Err(Overflow));
}

#[test]
fn markers_of_too_many_conversations_overflow() {
    let mut queue = Queue::default();
    let pushed = (1..).map(|conversation| queue.push(entry(conversation, 1, 200), &limits(1_000, 4_000)));
    let count = pushed.take_while(Result::is_ok).count();
    assert!((30..60).contains(&count), "{count} markers of 96 bytes fit into 4,000");
}

proptest! {
    #[test]
    fn each_place_is_told_once_in_order(
        steps in prop::collection::vec((0..4_i64, 1..400_usize, any::<bool>(), 0..12_u8), 0..400),
        soft in 500..3_000_usize,
    ) {
        let mut queue = Queue::default();
        let limits = limits(soft, 100_000);
        let (mut last, mut heard) = ([0_i64; 4], [0_i64; 4]);
        for (conversation, bytes, passes, drain) in steps {
            let index = usize::try_from(conversation).unwrap();
            if passes {
                queue.push(passing(), &limits).unwrap();
            }
            last[index] += 1;
            queue.push(entry(conversation, last[index], bytes), &limits).unwrap();
            prop_assert!(queue.bytes <= soft.max(400 + 4 * MARKER_BYTES), "{} bytes", queue.bytes);
            if drain == 0 {
                listen(&mut queue, &mut heard)?;
                prop_assert_eq!(heard, last);
            }
        }
        listen(&mut queue, &mut heard)?;
        prop_assert_eq!(heard, last);
    }
}

/// Takes everything out; each conversation must go on where it stood.
fn listen(queue: &mut Queue, heard: &mut [i64; 4]) -> Result<(), TestCaseError> {
    for outgoing in drained(queue) {
        let (conversation, from, to) = match outgoing {
            Outgoing::Frame(Frame { about: About::Entry { place: (c, seq), .. }, .. }) => (c, seq, seq),
            Outgoing::Frame(_) => continue,
            Outgoing::Gap(c, from, to) => (c, from, to),
        };
        let heard = &mut heard[usize::try_from(conversation.0).unwrap()];
        prop_assert_eq!(from.0, *heard + 1);
        prop_assert!(to >= from);
        *heard = to.0;
    }
    Ok(())
}
