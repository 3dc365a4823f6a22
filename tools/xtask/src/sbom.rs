//! `cargo xtask sbom`: what is inside each service, as CycloneDX 1.6 for programs that look for holes and licences.
//!
//! The packages and features are those of the shipped build, as `cargo tree` resolves it: no tests, no build scripts, no
//! procedural macros, which run while compiling and are not in the program. The same sources give the same bytes.

mod document;
mod tree;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::console::Console;
use crate::packages::{Lock, Metadata, host};
use crate::project::Project;
use crate::system;

use tree::Tree;

/// For what it is written.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The platform that is built for; this machine's when missing
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// # Errors
/// When cargo cannot tell the packages without the network, or one of them is not in Cargo.lock.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let target = options.target.clone().map_or_else(host, Ok)?;
    let lock = Lock::read(&project.root().join("Cargo.lock"))?;
    let metadata = Metadata::of(project, &target)?;
    let folder = project.sbom();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    for package in system::PACKAGES {
        let tree = Tree::of(project, package, &target)?;
        let document = document::of(&tree, &lock, &metadata).context(package)?;
        let file = folder.join(format!("{package}.cdx.json"));
        let text = serde_json::to_string_pretty(&document).context("write JSON")?;
        std::fs::write(&file, text + "\n").with_context(|| format!("write {}", file.display()))?;
        console.step(&format!("{} packages in {}", tree.packages.len() - 1, file.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
