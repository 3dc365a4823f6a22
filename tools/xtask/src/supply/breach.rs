//! Licences, bans, sources and wildcards.

use std::collections::BTreeSet;

use anyhow::Result;
use semver::Version;

use crate::packages::{Id, Lock, Metadata};
use crate::supply::policy::Policy;

/// One sentence for each breach. Licences and bans hold for the packages that are compiled on this machine, sources for all
/// of Cargo.lock, which has the packages of every platform.
pub(super) fn all(
    policy: &Policy,
    lock: &Lock,
    metadata: &Metadata,
    compiled: &BTreeSet<Id>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in &lock.package {
        let name = format!("{} {}", package.name, package.version);
        match &package.source {
            Some(source) if !policy.knows_source(source) => {
                found.push(format!("{name}: comes from {source}"));
            }
            Some(_) if package.checksum.is_none() => found.push(format!("{name}: has no checksum")),
            None if !metadata.members().any(|member| member.name == package.name) => {
                found.push(format!("{name}: a path outside of the workspace"));
            }
            _ => {}
        }
    }
    let is_compiled = |name: &str, version: &Version| compiled.contains(&(name.to_owned(), version.clone()));
    for package in metadata.packages.iter().filter(|package| is_compiled(&package.name, &package.version)) {
        let name = format!("{} {}", package.name, package.version);
        if let Some(ban) = policy.ban(&package.name, &package.version) {
            found.push(format!("{name}: banned: {}", ban.reason));
        }
        match &package.license {
            None => found.push(format!("{name}: names no licence")),
            Some(license) => match policy.allows(&package.name, license) {
                Ok(true) => {}
                Ok(false) => found.push(format!("{name}: the licence {license} is not allowed")),
                Err(error) => found.push(format!("{name}: {error:#}")),
            },
        }
    }
    for member in metadata.members() {
        let any = member.dependencies.iter().filter(|needed| needed.source.is_some() && needed.req == "*");
        found.extend(any.map(|needed| format!("{}: takes any version of {}", member.name, needed.name)));
    }
    Ok(found)
}
