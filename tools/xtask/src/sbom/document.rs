//! A tree as CycloneDX. No serial number and no time: two builds of the same sources are told apart by nothing.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use spdx::{Expression, ParseMode};

use crate::packages::{Id, Lock, Metadata};
use crate::sbom::tree::Tree;

/// # Errors
/// When a package is not in Cargo.lock, or cargo knows nothing more of it.
pub(super) fn of(tree: &Tree, lock: &Lock, metadata: &Metadata) -> Result<Value> {
    let inside = tree.packages.keys().filter(|id| **id != tree.root);
    let components: Vec<Value> =
        inside.map(|id| component("library", id, lock, metadata)).collect::<Result<_>>()?;
    let dependencies: Vec<Value> = tree
        .packages
        .iter()
        .map(|(id, uses)| json!({"ref": purl(id), "dependsOn": uses.iter().map(purl).collect::<Vec<_>>()}))
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": component("application", &tree.root, lock, metadata)?,
            "tools": {"components": [{"type": "application", "name": "cargo xtask sbom"}]},
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(kind: &str, id: &Id, lock: &Lock, metadata: &Metadata) -> Result<Value> {
    let (name, version) = id;
    let locked =
        lock.find(name, version).with_context(|| format!("{name} {version} is not in Cargo.lock"))?;
    let known =
        metadata.find(name, version).with_context(|| format!("cargo does not know {name} {version}"))?;
    let mut component = Map::new();
    let mut set = |key: &str, value: Value| component.insert(key.to_owned(), value);
    set("type", json!(kind));
    set("bom-ref", json!(purl(id)));
    set("name", json!(name));
    set("version", json!(version.to_string()));
    set("purl", json!(purl(id)));
    if let Some(description) = &known.description {
        set("description", json!(description.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    if let Some(license) = &known.license {
        set("licenses", json!([{ "expression": canonical(license)? }]));
    }
    if let Some(checksum) = &locked.checksum {
        set("hashes", json!([{"alg": "SHA-256", "content": checksum}]));
    }
    if let Some(repository) = &known.repository {
        set("externalReferences", json!([{"type": "vcs", "url": repository}]));
    }
    Ok(Value::Object(component))
}

/// The package under the name by which databases of holes know it.
fn purl((name, version): &Id) -> String {
    format!("pkg:cargo/{name}@{}", version.to_string().replace('+', "%2B"))
}

/// Old manifests write `MIT/Apache-2.0`, which is no expression.
fn canonical(license: &str) -> Result<String> {
    let text = Expression::canonicalize(license)
        .map_err(|error| anyhow::anyhow!("{license}: {}", error.reason))?
        .unwrap_or_else(|| license.to_owned());
    Expression::parse_mode(&text, ParseMode::STRICT)
        .map_err(|error| anyhow::anyhow!("{text}: {}", error.reason))?;
    Ok(text)
}
