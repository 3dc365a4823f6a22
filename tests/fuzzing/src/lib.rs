//! What reads the bytes of strangers, each with what must hold whatever the bytes are. libFuzzer searches for bytes that
//! break it (`cargo xtask fuzz`, the programs are in `fuzz/`); the tests here try the seeds and thousands of others.
//!
//! Unlike other tests this one uses the services as libraries: it is about their insides.

mod addresses;
mod frames;
mod people;
mod rings;
mod tokens;

/// Breaks when something does not hold for these bytes.
pub type Check = fn(&[u8]);

/// Every target under the name of its program in `fuzz/targets` and of its folder in `fuzz/seeds`.
pub const TARGETS: &[(&str, Check)] = &[
    ("forwarded_for", addresses::forwarded_for),
    ("handshake", tokens::handshake),
    ("key_set", tokens::key_set),
    ("people", people::people),
    ("ring", rings::ring),
    ("seed_frame", frames::seed_frame),
    ("token", tokens::token),
    ("v2_frame", frames::v2_frame),
];

/// Runs the target of this name.
///
/// # Panics
/// When something does not hold, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let Some((_, check)) = target else { panic!("there is no target {name}") };
    check(bytes);
}

#[cfg(test)]
mod tests;
