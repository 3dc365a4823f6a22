//! Generates the contract's types with protox: no `protoc` has to be installed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const ROOT: &str = "../../proto";
    println!("cargo::rerun-if-changed={ROOT}");
    let files = ["messenger/accounts/v1/accounts.proto", "messenger/gateway/v1/ring.proto"];
    let descriptors = protox::compile(files, [ROOT])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
