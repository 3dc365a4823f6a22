//! What is written is CycloneDX, has what it must have and nothing that only tests need.

use std::collections::BTreeSet;

use jsonschema::{Registry, Resource, Validator};
use serde_json::Value;

use super::document;
use super::tree::Tree;
use crate::packages::{Lock, Metadata, host};
use crate::project::Project;

const TREE: &str = "0 gateway v1.0.0 (/x/gateway)\n1 a v1.0.0\n2 c v0.1.0+x\n1 b v2.0.0\n2 c v0.1.0+x\n\n\
                    0 accounts v1.0.0 (/x/accounts)\n1 d v1.0.0\n";

#[test]
fn the_tree_of_one_program_has_its_edges_and_nobody_elses() {
    let tree = Tree::parse(TREE, "gateway").expect("a tree");
    let names = |of: &str| -> Vec<&str> {
        let (_, uses) = tree.packages.iter().find(|((name, _), _)| name == of).expect("the package");
        uses.iter().map(|(name, _)| name.as_str()).collect()
    };
    assert_eq!((names("gateway"), names("a"), names("b")), (vec!["a", "b"], vec!["c"], vec!["c"]));
    assert_eq!(tree.packages.len(), 4);
    assert!(Tree::parse(TREE, "chat").is_err() && Tree::parse("2 a v1.0.0\n", "a").is_err());
}

/// CycloneDX's own schema, with the two that it refers to.
fn schema() -> Validator {
    let read = |text| serde_json::from_str::<Value>(text).expect("a schema");
    let others = [
        ("spdx", include_str!("schema/spdx.schema.json")),
        ("jsf-0.82", include_str!("schema/jsf-0.82.schema.json")),
    ];
    let registry = others.into_iter().fold(Registry::new(), |registry, (name, text)| {
        let name = format!("http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json");
        registry.add(name, Resource::from_contents(read(text))).expect("a resource")
    });
    let registry = registry.prepare().expect("the resources");
    let schema = read(include_str!("schema/bom-1.6.schema.json"));
    jsonschema::options().with_registry(&registry).build(&schema).expect("a schema")
}

fn written(package: &str) -> (Tree, Value) {
    let project = Project::find().expect("the working copy");
    let target = host().expect("a platform");
    let tree = Tree::of(&project, package, &target).expect("a tree");
    let lock = Lock::read(&project.root().join("Cargo.lock")).expect("Cargo.lock");
    let metadata = Metadata::of(&project, &target).expect("metadata");
    let document = document::of(&tree, &lock, &metadata).expect("a document");
    (tree, document)
}

#[test]
fn both_documents_are_cyclonedx_and_name_what_is_shipped() {
    let schema = schema();
    for (package, inside) in [("messenger-accounts", "argon2"), ("messenger-gateway", "tungstenite")] {
        let (_, document) = written(package);
        let faults: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(document["metadata"]["component"]["name"], package);
        let components = document["components"].as_array().expect("components");
        let names: BTreeSet<&str> = components.iter().filter_map(|part| part["name"].as_str()).collect();
        for name in [inside, "tokio", "tokio-postgres", "messenger-chassis"] {
            assert!(names.contains(name), "{package} without {name}");
        }
        for name in ["proptest", "criterion", "jsonschema", "serde_derive", "protox", "reqwest"] {
            assert!(!names.contains(name), "{package} with {name}");
        }
        for part in components {
            assert!(part["licenses"][0]["expression"].is_string(), "{part}");
            let ours = part["name"].as_str().is_some_and(|name| name.starts_with("messenger-"));
            assert!(
                ours || part["hashes"][0]["content"].as_str().is_some_and(|hash| hash.len() == 64),
                "{part}"
            );
        }
        let spoiled =
            document.to_string().replace("pkg:cargo/tokio@", "").replace("\"library\"", "\"thing\"");
        assert!(!schema.is_valid(&serde_json::from_str(&spoiled).expect("JSON")), "the schema sees faults");
    }
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let text = |(_, document): (Tree, Value)| serde_json::to_string_pretty(&document).expect("JSON");
    assert_eq!(text(written("messenger-gateway")), text(written("messenger-gateway")));
}
