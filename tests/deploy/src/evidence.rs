//! The tests that the documents on security name as evidence are there.

/// Documents whose claims name tests, as `path/to/file.rs::name_of_the_function`.
const DOCUMENTS: [&str; 2] = ["docs/SECURITY.md", "docs/ASVS.md"];

/// Every `…rs::name` between back-ticks.
fn evidence(document: &str) -> Vec<(&str, &str)> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|text| {
            let at = text.find(".rs::")? + ".rs".len();
            Some((&text[..at], &text[at + "::".len()..]))
        })
        .collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    for path in DOCUMENTS {
        let document = crate::read(path);
        let named = evidence(&document);
        assert!(named.len() > 20, "{path}: claims without evidence");
        let is_missing = |(file, name): &&(&str, &str)| {
            let source = std::fs::read_to_string(crate::root().join(file)).unwrap_or_default();
            !source.contains(&format!("fn {name}("))
        };
        let missing: Vec<_> = named.iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{path} names what is not there: {missing:#?}");
    }
}

#[test]
fn evidence_is_found_in_a_text() {
    let text = "`a/b.rs::c` and `x` and `d.rs` and `e.rs::f`";
    assert_eq!(evidence(text), [("a/b.rs", "c"), ("e.rs", "f")]);
}
