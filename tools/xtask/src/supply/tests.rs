//! Each rule of the policy catches what it is for, and the policy of this repository lets pass what is in it.

use semver::Version;

use super::advisories::Entry;
use super::breach;
use super::policy::Policy;
use super::unsafe_code;
use crate::packages::{Lock, Metadata};

const POLICY: &str = r#"
    [licenses]
    allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
    exceptions = [{ crate = "certificates", allow = ["CDLA-Permissive-2.0"] }]
    [bans]
    deny = [{ name = "openssl", reason = "no" }, { name = "h2", version = "<0.4.16", reason = "floods" }]
    [sources]
    allow-registry = ["https://good.example/index"]
    [advisories]
    ignore = [{ id = "RUSTSEC-2000-0001", reason = "not used" }]
"#;

fn policy() -> Policy {
    Policy::parse(POLICY).expect("a policy")
}

fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

#[test]
fn a_licence_is_allowed_when_it_leaves_a_choice_that_is() {
    let allowed = |license| policy().allows("any", license).expect("an expression");
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "Apache-2.0 WITH LLVM-exception"] {
        assert!(allowed(good), "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "CDLA-Permissive-2.0"] {
        assert!(!allowed(bad), "{bad}");
    }
    assert!(policy().allows("certificates", "CDLA-Permissive-2.0").expect("an expression"));
    assert!(policy().allows("any", "as you like").is_err());
}

#[test]
fn bans_know_versions() {
    let banned = |name, text| policy().ban(name, &version(text)).is_some();
    assert!(banned("openssl", "1.0.0") && banned("openssl", "1.0.0-rc.1"));
    assert!(banned("h2", "0.4.15") && !banned("h2", "0.4.16") && !banned("h3", "0.1.0"));
}

const METADATA: &str = r#"{
    "workspace_members": ["a"],
    "packages": [
        {"id": "a", "name": "ours", "version": "1.0.0", "license": "MIT", "manifest_path": "/x/Cargo.toml",
         "dependencies": [{"name": "any", "req": "*", "source": "registry+x"}, {"name": "own", "req": "*", "source": null}]},
        {"id": "b", "name": "left", "version": "1.0.0", "license": "GPL-3.0-only", "manifest_path": "/y/Cargo.toml"},
        {"id": "d", "name": "rsa", "version": "1.0.0", "license": null, "manifest_path": "/w/Cargo.toml"},
        {"id": "c", "name": "openssl", "version": "1.0.0", "license": null, "manifest_path": "/z/Cargo.toml"}
    ]}"#;

const LOCK: &str = r#"
    [[package]]
    name = "ours"
    version = "1.0.0"
    [[package]]
    name = "stray"
    version = "1.0.0"
    [[package]]
    name = "good"
    version = "1.0.0"
    source = "registry+https://good.example/index"
    checksum = "00"
    [[package]]
    name = "unsigned"
    version = "1.0.0"
    source = "registry+https://good.example/index"
    [[package]]
    name = "strange"
    version = "1.0.0"
    source = "git+https://good.example/index"
    checksum = "00"
"#;

#[test]
fn every_breach_is_told_once() {
    let metadata = Metadata::parse(METADATA.as_bytes()).expect("metadata");
    let lock = Lock::parse(LOCK).expect("a lock");
    let compiled = ["ours", "left", "openssl"].map(|name| (name.to_owned(), version("1.0.0")));
    assert_eq!(
        breach::all(&policy(), &lock, &metadata, &compiled.into()).expect("breaches"),
        [
            "stray 1.0.0: a path outside of the workspace",
            "unsigned 1.0.0: has no checksum",
            "strange 1.0.0: comes from git+https://good.example/index",
            "left 1.0.0: the licence GPL-3.0-only is not allowed",
            "openssl 1.0.0: banned: no",
            "openssl 1.0.0: names no licence",
            "ours: takes any version of any",
        ]
    );
}

#[test]
fn an_advisory_concerns_versions_without_the_fix() {
    let entry = |head: &str| {
        let text = format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2000-0002\"\npackage = \"h2\"\n{head}\n[versions]\n\
             patched = [\">= 1.2.3\", \"^0.9.5\"]\nunaffected = [\"< 0.9.0\"]\n```\n# A hole\n"
        );
        Entry::parse(&text).expect("an advisory")
    };
    let concerns = |text| entry("").concerns("h2", &version(text));
    assert!(concerns("0.9.4") && concerns("1.2.2"));
    assert!(!concerns("0.8.9") && !concerns("0.9.5") && !concerns("1.2.3") && !concerns("2.0.0"));
    assert!(!entry("").concerns("h3", &version("1.2.2")));
    let other = |head| entry(head).concerns("h2", &version("1.2.2"));
    assert!(other("informational = \"unsound\"") && !other("informational = \"unmaintained\""));
    assert!(!other("withdrawn = \"2001-01-01\""));
    assert!(policy().ignores("RUSTSEC-2000-0001") && !policy().ignores("RUSTSEC-2000-0002"));
}

#[test]
fn a_member_without_the_lints_is_seen() {
    let holds = |text: &str| unsafe_code::holds(&toml::from_str(text).expect("a manifest"));
    assert!(holds("[lints]\nworkspace = true") && holds("[lints.rust]\nunsafe_code = \"forbid\""));
    assert!(!holds("") && !holds("[lints]\nworkspace = false"));
    assert!(!holds("[lints.rust]\nunsafe_code = \"deny\""));
}

#[test]
fn the_own_policy_is_read_and_its_floors_hold() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let policy = Policy::read(&root.join("deny.toml")).expect("deny.toml");
    let lock = Lock::read(&root.join("Cargo.lock")).expect("Cargo.lock");
    let banned = |name: &str, text| policy.ban(name, &version(text)).is_some();
    for name in ["openssl", "native-tls", "rsa", "ring"] {
        assert!(banned(name, "9.9.9"), "{name}");
    }
    let mut floors = 0;
    for package in &lock.package {
        if banned(&package.name, "0.0.1") && !banned(&package.name, "99.0.0") {
            floors += 1;
            let ban = policy.ban(&package.name, &package.version);
            assert!(ban.is_none(), "{} {}", package.name, package.version);
        }
    }
    assert_eq!(floors, 9, "every floor is of a crate that is in the tree");
}
