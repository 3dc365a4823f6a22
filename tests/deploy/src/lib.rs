//! Holds what is deployed and documented against the programs themselves, so that neither can drift: the compose file,
//! the manifests, the image, HAProxy's configuration, alerts and dashboard, and the tables of keys and metrics. There is nothing
//! here but tests.
//!
//! The programs are run, not imported; they are those that cargo has put beside this test. No Docker is needed.

#[cfg(test)]
mod balancer;
#[cfg(test)]
mod command_lines;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod container;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod haproxy;
#[cfg(test)]
mod image;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod observability;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod system;
#[cfg(test)]
mod yaml;

/// A file of the repository.
#[cfg(test)]
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The top of the repository.
#[cfg(test)]
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
