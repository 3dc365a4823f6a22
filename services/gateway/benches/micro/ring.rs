//! Rings: events for other replicas, and back.

use std::hint::black_box;

use criterion::Criterion;
use messenger_gateway::domain::ids::UserId;
use messenger_proto::gateway::Ring;
use prost::Message as _;

use crate::samples::{message, texts};
use crate::wire::{Rung, from_ring, to_ring};

const ORIGIN: u64 = 0x0123_4567_89ab_cdef;

pub(crate) fn measure(criterion: &mut Criterion) -> anyhow::Result<()> {
    let mut group = criterion.benchmark_group("ring");
    for (length, text) in texts() {
        let event = message(&text, 4_711, Some(UserId(815)));
        let ring = to_ring(&event, None, ORIGIN).encode_to_vec();
        anyhow::ensure!(!matches!(from_ring(Ring::decode(&*ring)?), Rung::Watermark(_)), "rings survive");
        group.bench_function(format!("encode/{length}"), |bencher| {
            bencher.iter(|| to_ring(black_box(&event), None, ORIGIN).encode_to_vec());
        });
        group.bench_function(format!("decode/{length}"), |bencher| {
            bencher.iter(|| Ring::decode(black_box(&*ring)).map(from_ring));
        });
    }
    group.finish();
    Ok(())
}
