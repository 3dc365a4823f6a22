//! Every target on its seeds, on arbitrary bytes, and on seeds that are cut, doubled and changed.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

use super::{TARGETS, run};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().trim_end_matches(".rs").to_owned()).collect();
    names.sort();
    names
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fuzz().join("seeds").join(target);
    let read = |name: &String| std::fs::read(folder.join(name)).expect("a seed");
    names(&folder).iter().map(read).collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&fuzz().join("targets")), known);
    assert_eq!(names(&fuzz().join("seeds")), known);
    for target in known {
        assert!(!seeds(target).is_empty(), "{target}");
        seeds(target).iter().for_each(|seed| run(target, seed));
    }
}

/// A seed with a piece taken out, doubled or replaced.
fn changed(seed: &[u8], (from, to): (Index, Index), times: usize, put: &[u8]) -> Vec<u8> {
    let (from, to) = (from.index(seed.len() + 1), to.index(seed.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    [&seed[..from], &seed[from..to].repeat(times), put, &seed[to..]].concat()
}

proptest! {
    #[test]
    fn arbitrary_bytes_break_nothing(bytes: Vec<u8>) {
        TARGETS.iter().for_each(|(_, check)| check(&bytes));
    }

    #[test]
    fn arbitrary_text_breaks_nothing(text: String) {
        TARGETS.iter().for_each(|(_, check)| check(text.as_bytes()));
    }

    #[test]
    fn changed_seeds_break_nothing(
        which: Index, place: (Index, Index), times in 0..3_usize, put in prop::collection::vec(any::<u8>(), 0..6)
    ) {
        for (name, check) in TARGETS {
            let seeds = seeds(name);
            check(&changed(&seeds[which.index(seeds.len())], place, times, &put));
        }
    }
}
