//! Rebuilds the service when a migration is added: the macro that embeds them only tracks the files it has seen.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/accounts");
}
