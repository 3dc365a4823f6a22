//! docs/CONFIGURATION.md lists the keys that the programs read, with their defaults and meanings.

use std::fmt::Write as _;

use crate::programs::{Key, PROGRAMS, Program};

const PATH: &str = "docs/CONFIGURATION.md";

/// Defaults that differ from machine to machine or from start to start, in words.
const VARYING: [(&str, &str); 2] =
    [("ACCOUNTS_ARGON2_CONCURRENCY", "half of the cores"), ("GATEWAY_NODE", "random")];

/// The keys that both programs read have a table of their own.
fn is_shared(key: &Key) -> bool {
    PROGRAMS.iter().all(|program| !key.name.starts_with(&program.name.to_uppercase()))
}

fn table(keys: impl Iterator<Item = Key>) -> String {
    let mut text = String::from("| key | default | meaning |\n|---|---|---|\n");
    for Key { name, default, about } in keys {
        let words = VARYING.iter().find(|(key, _)| *key == name).map(|(_, words)| (*words).to_owned());
        let default = match default.as_str() {
            "(required)" => "required".to_owned(),
            "(unset)" => "–".to_owned(),
            value => words.unwrap_or_else(|| format!("`{value}`")),
        };
        writeln!(text, "| `{name}` | {default} | {about} |").unwrap();
    }
    text
}

fn check(tables: &[(&str, String)]) {
    let document = crate::read(PATH);
    for (title, table) in tables {
        assert!(document.contains(table), "{PATH}, {title}: the table must be\n\n{table}");
    }
}

#[test]
fn the_configuration_document_has_every_key() {
    let [accounts, gateway] = PROGRAMS;
    let own = |program: Program| table(program.keys().into_iter().filter(|key| !is_shared(key)));
    let shared = table(accounts.keys().into_iter().filter(is_shared));
    assert_eq!(shared, table(gateway.keys().into_iter().filter(is_shared)), "read alike by both");
    check(&[("accounts", own(accounts)), ("gateway", own(gateway)), ("both", shared)]);
}

#[test]
fn no_document_names_a_key_that_nobody_reads() {
    let known: Vec<_> = PROGRAMS.iter().flat_map(|program| program.keys()).map(|key| key.name).collect();
    let files =
        ["README.md", "CONTRIBUTING.md", "deploy/README.md", "docs/OPERATIONS.md", "docs/PROTOCOL.md"];
    for path in files.into_iter().chain([PATH, "docs/ARCHITECTURE.md"]) {
        let text = crate::read(path);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("ACCOUNTS_") || word.starts_with("GATEWAY_")) {
            let prefix = word.ends_with('_') && known.iter().any(|key| key.starts_with(word));
            assert!(prefix || known.iter().any(|key| key == word), "{path}: nobody reads {word}");
        }
    }
}
