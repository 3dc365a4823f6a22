//! docs/OPERATIONS.md lists the metrics that the code records, and no others.

use std::collections::BTreeSet;
use std::path::Path;

/// What the name of a metric begins with.
const PREFIXES: [&str; 6] = ["accounts_", "gateway_", "grpc_", "http_", "postgres_", "process_"];
const SOURCES: [&str; 3] = ["services/accounts/src", "services/gateway/src", "crates/chassis/src"];

/// The parts of a text between two of these marks that look like a metric.
fn names(text: &str, mark: char) -> BTreeSet<String> {
    let is_name = |word: &&str| {
        let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        plain && PREFIXES.iter().any(|prefix| word.starts_with(prefix))
    };
    text.split(mark).filter(is_name).map(str::to_owned).collect()
}

fn recorded(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            recorded(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.append(&mut names(&std::fs::read_to_string(path).unwrap(), '"'));
        }
    }
}

/// The metrics of docs/OPERATIONS.md.
pub(crate) fn documented() -> BTreeSet<String> {
    names(&crate::read("docs/OPERATIONS.md"), '`')
}

/// The metrics that a query reads, without what a histogram adds to its name.
pub(crate) fn queried(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)));
    let plain = |word: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
        base.filter(|base| base.ends_with("_seconds") || base.ends_with("_rows")).unwrap_or(word).to_owned()
    };
    ours.map(plain).collect()
}

#[test]
fn the_operations_document_has_every_metric() {
    let mut recorded_names = BTreeSet::new();
    for source in SOURCES {
        recorded(&crate::root().join(source), &mut recorded_names);
    }
    assert!(!recorded_names.is_empty());
    assert_eq!(documented(), recorded_names);
}
