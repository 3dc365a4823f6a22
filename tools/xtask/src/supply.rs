//! What comes from outside, held against `deny.toml`: licences, bans, sources, advisories, and that no member of the
//! workspace has `unsafe` code. cargo-deny says more where it is installed; what is here needs neither it nor a network.

mod advisories;
mod breach;
mod policy;
mod unsafe_code;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::packages::{Lock, Metadata, compiled, host};
use crate::project::{Project, succeed, variable};

use policy::Policy;

/// A clone of <https://github.com/rustsec/advisory-db>.
const ADVISORIES: &str = "MESSENGER_ADVISORY_DB";

/// # Errors
/// Names every package that breaks a rule, and the rule.
pub(crate) fn check(project: &Project, console: &Console, interrupt: &Interrupt) -> Result<()> {
    let root = project.root();
    let policy = Policy::read(&root.join("deny.toml"))?;
    let lock = Lock::read(&root.join("Cargo.lock"))?;
    let host = host()?;
    let metadata = Metadata::of(project, &host)?;
    let mut breaches = breach::all(&policy, &lock, &metadata, &compiled(project, &host)?)?;
    breaches.extend(unsafe_code::breaches(root, &metadata)?);
    match variable(ADVISORIES) {
        Some(database) => breaches.extend(advisories::breaches(Path::new(&database), &lock, &policy)?),
        None => console.line(&format!(
            "  advisories: skipped; {ADVISORIES}=PATH names a clone of https://github.com/rustsec/advisory-db"
        )),
    }
    if !breaches.is_empty() {
        bail!("{} breaches of deny.toml:\n{}", breaches.len(), breaches.join("\n"));
    }
    cargo_deny(project, console, interrupt)
}

/// Without the network: what it needs is what cargo has fetched. Advisories were checked above.
fn cargo_deny(project: &Project, console: &Console, interrupt: &Interrupt) -> Result<()> {
    let mut version = Command::new("cargo-deny");
    let found = version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        console.line(
            "  cargo deny: not installed, skipped (licences, bans and sources were checked without it);",
        );
        console.line("              `cargo install --locked cargo-deny`, then `cargo fetch --locked` once");
        return Ok(());
    }
    let mut deny = project.cargo();
    deny.args(["deny", "--offline", "--log-level", "error", "check", "--hide-inclusion-graph"]);
    deny.args(["licenses", "bans", "sources"]);
    succeed(&mut deny, interrupt).context("cargo deny (it wants `cargo fetch --locked` once)")
}

#[cfg(test)]
mod tests;
