//! The manifests of `deploy/kubernetes`: what the types of Kubernetes know and nothing else, confined, with commands, keys,
//! ports and names that exist. Each rule is held against the files as they lie there and against what `kubectl kustomize`
//! makes of them.

mod objects;
mod pods;
mod render;
mod schema;
mod traffic;

pub(crate) use objects::{Objects, Pod};
pub(crate) use render::signing_key;

/// Everything that a rule is held against.
fn variants() -> Vec<Objects> {
    let mut all = vec![Objects::base()];
    all.extend(render::production());
    all
}
