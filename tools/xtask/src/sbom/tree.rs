//! The packages of one program and their edges, read from `cargo tree`: unlike `cargo metadata` it resolves features for
//! the packages that are built, and not for the tests of the whole workspace.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};

use crate::packages::{Id, id_of, output};
use crate::project::Project;
use crate::system;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// The program.
    pub(super) root: Id,
    /// Every package, the root included, with those that it uses.
    pub(super) packages: BTreeMap<Id, BTreeSet<Id>>,
}

impl Tree {
    /// Both services are named, as when the image is built, because their features are resolved together; of what is told
    /// the part of `package` is kept.
    pub(super) fn of(project: &Project, package: &str, target: &str) -> Result<Self> {
        let mut cargo = project.cargo();
        cargo.args(["tree", "--locked", "--offline", "--edges", "normal,no-proc-macro", "--target", target]);
        cargo.args(["--prefix", "depth", "--format", " {p}", "--no-dedupe"]);
        cargo.args(system::PACKAGES.iter().flat_map(|package| ["--package", package]));
        let text = String::from_utf8(output(&mut cargo)?).context("cargo's tree")?;
        Self::parse(&text, package)
    }

    /// One line for each package: its depth, name and version, then where it is.
    pub(super) fn parse(text: &str, package: &str) -> Result<Self> {
        let mut packages = BTreeMap::new();
        let mut root = None;
        let mut above: Vec<Id> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (depth, id) = read(line).with_context(|| format!("line of cargo's tree: {line}"))?;
            ensure!(depth <= above.len(), "a line of cargo's tree has no parent: {line}");
            above.truncate(depth);
            above.push(id.clone());
            if above[0].0 != package {
                continue;
            }
            root.get_or_insert_with(|| above[0].clone());
            packages.entry(id.clone()).or_insert_with(BTreeSet::new);
            if let Some(user) = depth.checked_sub(1).map(|parent| above[parent].clone()) {
                packages.entry(user).or_default().insert(id);
            }
        }
        Ok(Self { root: root.with_context(|| format!("cargo's tree has no {package}"))?, packages })
    }
}

fn read(line: &str) -> Option<(usize, Id)> {
    let (depth, package) = line.split_once(' ')?;
    Some((depth.parse().ok()?, id_of(package)?))
}
