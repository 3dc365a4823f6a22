//! That no package of ours can have `unsafe` code: a member that forgets `[lints] workspace = true` would be free of all
//! lints, and nobody would see it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use toml::Table;

use crate::packages::Metadata;

/// The package with the fuzz targets; a workspace of its own.
const FUZZ: &str = "fuzz/Cargo.toml";

pub(super) fn breaches(root: &Path, metadata: &Metadata) -> Result<Vec<String>> {
    let workspace = read(&root.join("Cargo.toml"))?;
    ensure!(is_forbidden(workspace["workspace"].as_table()), "the workspace does not forbid unsafe code");
    let manifests = metadata.members().map(|member| member.manifest_path.clone());
    let manifests = manifests.chain([root.join(FUZZ)].into_iter().filter(|path| path.is_file()));
    let mut found = Vec::new();
    for path in manifests {
        if !holds(&read(&path)?) {
            found.push(format!("{}: does not forbid unsafe code", path.display()));
        }
    }
    Ok(found)
}

/// Whether a member takes over the workspace's lints, or forbids by itself.
pub(super) fn holds(manifest: &Table) -> bool {
    let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
    inherits == Some(true) || is_forbidden(Some(manifest))
}

fn is_forbidden(table: Option<&Table>) -> bool {
    let lint = table.and_then(|table| table.get("lints")?.get("rust")?.get("unsafe_code"));
    lint.and_then(|level| level.as_str()) == Some("forbid")
}

fn read(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{}", path.display()))
}
