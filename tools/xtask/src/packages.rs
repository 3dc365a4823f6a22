//! The packages that we build from, as cargo tells of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use semver::Version;
use serde::Deserialize;

use crate::project::Project;

/// Cargo.lock: the packages of all platforms.
#[derive(Debug, Deserialize)]
pub(crate) struct Lock {
    pub(crate) package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Locked {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// Where it comes from; none of a package with a path.
    pub(crate) source: Option<String>,
    /// SHA-256 in hexadecimal.
    pub(crate) checksum: Option<String>,
}

impl Lock {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("packages of a lock")
    }

    pub(crate) fn find(&self, name: &str, version: &Version) -> Option<&Locked> {
        self.package.iter().find(|package| package.name == name && package.version == *version)
    }
}

/// `cargo metadata`: the packages of one platform, and what their manifests say.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) license: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The versions that will do.
    pub(crate) req: String,
    pub(crate) source: Option<String>,
}

impl Metadata {
    /// Without the network, and for one platform alone: the packages of others need not be there.
    pub(crate) fn of(project: &Project, platform: &str) -> Result<Self> {
        let mut cargo = project.cargo();
        cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
        cargo.args(["--filter-platform", platform]);
        Self::parse(&output(&mut cargo)?)
    }

    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).context("cargo's metadata")
    }

    /// The packages of this repository.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    pub(crate) fn find(&self, name: &str, version: &Version) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name && package.version == *version)
    }
}

/// Name and version.
pub(crate) type Id = (String, Version);

/// The packages that are compiled on this machine for anything of ours, tests included. `cargo metadata` also lists those
/// that only a feature would bring in which nobody asks for.
pub(crate) fn compiled(project: &Project, platform: &str) -> Result<BTreeSet<Id>> {
    let mut cargo = project.cargo();
    cargo.args(["tree", "--locked", "--offline", "--workspace", "--edges", "normal,build,dev"]);
    cargo.args(["--target", platform, "--prefix", "none", "--format", "{p}"]);
    let text = String::from_utf8(output(&mut cargo)?).context("cargo's tree")?;
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| id_of(line).with_context(|| format!("line of cargo's tree: {line}"))).collect()
}

/// Reads `name v1.2.3`, whatever follows.
pub(crate) fn id_of(text: &str) -> Option<Id> {
    let mut words = text.split(' ');
    let name = words.next()?.to_owned();
    Some((name, Version::parse(words.next()?.strip_prefix('v')?).ok()?))
}

/// The platform of this machine, as rustc names it.
pub(crate) fn host() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let text = String::from_utf8_lossy(&text);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

/// What a command writes; what it complains of goes to our terminal.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({})", output.status);
    }
    Ok(output.stdout)
}
