//! `kubectl kustomize` over a copy of the files with secrets in it, as an operator would put them there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Objects;
use messenger_backing::find_program;

use crate::machine::{self, Folder};

const OVERLAY: &str = "deploy/kubernetes/overlays/production";
/// The files of the overlay that hold secrets, without their ending.
pub(super) const EXAMPLES: [&str; 4] = ["accounts", "accounts-migrate", "gateway", "gateway-migrate"];
/// What stands in the place of each secret in the examples.
const PLACEHOLDER: &str = "CHANGE_ME";
const SECRET: &str = "5e7c0f3a9b1d4826a0c3e5f7192b4d6878f0a1b2c3d4e5f60718293a4b5c6d7e";
/// The variant with all components.
pub(super) const WITH_ALL: &str = "production with all components";
/// Where they are put in.
const COMPONENTS: &str = "components:\n";

/// An example with all its blanks filled in.
pub(super) fn secrets_filled_in(name: &str) -> String {
    let text = crate::read(&format!("{OVERLAY}/secrets.example/{name}.env"));
    assert!(text.contains(PLACEHOLDER), "{name}: nothing to fill in");
    text.replace(PLACEHOLDER, SECRET)
}

/// An Ed25519 key that nobody uses, one for each seed.
pub(crate) fn signing_key(seed: u8) -> String {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key = STANDARD.encode([head.as_slice(), &[seed; 32]].concat());
    format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")
}

/// The overlay, and the same with the components that it leaves out; nothing on a machine without the program, unless that is the CI's.
pub(super) fn production() -> Vec<Objects> {
    static RENDERED: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
    let rendered = RENDERED.get_or_init(|| match renderer() {
        Some(program) => render(&program),
        None => {
            machine::missing("kubectl (or kustomize), to render deploy/kubernetes");
            Vec::new()
        }
    });
    rendered.iter().map(|(name, text)| Objects::rendered(name, text)).collect()
}

/// `kubectl kustomize`, or `kustomize build`.
fn renderer() -> Option<Vec<PathBuf>> {
    let with = |name: &str, verb: &str| Some(vec![find_program(name)?, verb.into()]);
    with("kubectl", "kustomize").or_else(|| with("kustomize", "build"))
}

fn render(program: &[PathBuf]) -> Vec<(&'static str, String)> {
    let folder = Folder::new("kustomize");
    copy(&crate::root().join("deploy"), folder.path());
    let overlay = folder.path().join(OVERLAY.trim_start_matches("deploy/"));
    let secrets = overlay.join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    for name in EXAMPLES {
        std::fs::write(secrets.join(format!("{name}.env")), secrets_filled_in(name)).unwrap();
    }
    std::fs::write(secrets.join("signing-key.pem"), signing_key(7)).unwrap();
    let plain = run(program, &overlay);
    let index = overlay.join("kustomization.yaml");
    let text = std::fs::read_to_string(&index).unwrap();
    let more = format!("{COMPONENTS}  - ../../components/mutual-tls\n  - ../../components/retention\n");
    assert!(text.contains(COMPONENTS));
    std::fs::write(&index, text.replacen(COMPONENTS, &more, 1)).unwrap();
    vec![("production", plain), (WITH_ALL, run(program, &overlay))]
}

fn run(program: &[PathBuf], overlay: &Path) -> String {
    let output = Command::new(&program[0]).args(&program[1..]).arg(overlay).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "a warning: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
