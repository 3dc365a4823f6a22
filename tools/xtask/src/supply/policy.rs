//! The part of `deny.toml` that is held without cargo-deny.

use std::path::Path;

use anyhow::{Context as _, Result};
use semver::{Version, VersionReq};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
    #[serde(default)]
    advisories: Advisories,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A crate, or some versions of it. cargo-deny knows another form, `crate = "name@<1.2"`, but takes that `<` for `<=`.
#[derive(Debug, Deserialize)]
pub(super) struct Ban {
    name: String,
    #[serde(default)]
    version: VersionReq,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Advisories {
    #[serde(default)]
    ignore: Vec<Ignored>,
}

#[derive(Debug, Deserialize)]
struct Ignored {
    id: String,
}

impl Policy {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("a policy of cargo-deny")
    }

    /// Whether what a package says of its licence leaves us one that is allowed.
    ///
    /// # Errors
    /// When it is no licence expression.
    pub(super) fn allows(&self, package: &str, license: &str) -> Result<bool> {
        let expression = Expression::parse_mode(license, ParseMode::LAX)
            .map_err(|error| anyhow::anyhow!("{license}: {}", error.reason))?;
        let own = self.licenses.exceptions.iter().filter(|exception| exception.name == package);
        let allowed = self.licenses.allow.iter().chain(own.flat_map(|exception| &exception.allow));
        let allowed: Vec<Licensee> = allowed.map(|name| licensee(name)).collect::<Result<_>>()?;
        Ok(expression.evaluate(|asked| allowed.iter().any(|licensee| licensee.satisfies(asked))))
    }

    /// The ban that a package falls under.
    pub(super) fn ban(&self, package: &str, version: &Version) -> Option<&Ban> {
        let covers = |asked: &VersionReq| *asked == VersionReq::STAR || asked.matches(version);
        self.bans.deny.iter().find(|ban| ban.name == package && covers(&ban.version))
    }

    /// Whether packages may come from there; `source` as in Cargo.lock.
    pub(super) fn knows_source(&self, source: &str) -> bool {
        let registry = source.strip_prefix("registry+");
        registry.is_some_and(|registry| self.sources.allow_registry.iter().any(|known| known == registry))
    }

    /// Whether an advisory was looked at and does not touch us.
    pub(super) fn ignores(&self, advisory: &str) -> bool {
        self.advisories.ignore.iter().any(|ignored| ignored.id == advisory)
    }
}

fn licensee(name: &str) -> Result<Licensee> {
    Licensee::parse(name).map_err(|error| anyhow::anyhow!("{name}: {}", error.reason))
}
