//! The image is built from what exists, with the toolchain of the repository, and runs as nobody in particular.

use crate::programs::PROGRAMS;

const DOCKERFILE: &str = "deploy/Dockerfile";

/// The instructions, continued lines joined, comments left out.
fn instructions() -> Vec<(String, String)> {
    let text = crate::read(DOCKERFILE);
    let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let joined = lines.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim().is_empty());
    let split = lines.map(|line| line.split_once(' ').expect("an instruction with arguments"));
    split.map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).collect()
}

/// The instructions of the last stage.
fn last_stage() -> Vec<(String, String)> {
    let all = instructions();
    let start = all.iter().rposition(|(word, _)| word == "FROM").expect("a stage");
    all[start..].to_vec()
}

#[test]
fn the_toolchain_is_that_of_the_repository() {
    let toolchain = crate::read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a channel");
    let expected = format!("RUST={}", channel.trim_matches('"'));
    assert!(instructions().contains(&("ARG".to_owned(), expected)), "not Rust {channel}");
}

#[test]
fn what_it_is_built_from_is_pinned_and_it_says_what_it_is() {
    let sources = instructions().into_iter().filter(|(word, _)| word == "FROM").map(|(_, rest)| rest);
    let outside: Vec<_> = sources.filter(|rest| rest.contains(['/', ':'])).collect();
    let [builder, system] = &outside[..] else { panic!("{outside:?}") };
    assert_eq!(builder, "rust:${RUST}-bookworm AS toolchain");
    let (_, digest) = system.split_once("@sha256:").expect("a digest");
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    let manifest = crate::read("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    let stage = last_stage();
    assert!(stage.contains(&("ARG".to_owned(), format!("VERSION={version}"))), "{version}");
    let labels = stage.iter().find(|(word, _)| word == "LABEL").map(|(_, labels)| labels).expect("labels");
    for label in ["title=", "licenses=MIT", "version=$VERSION", "revision=$REVISION"] {
        assert!(labels.contains(&format!("org.opencontainers.image.{label}")), "{label}");
    }
    let image = crate::system::System::read();
    assert!(image.ours().all(|service| service.text("/image") == Some(&format!("messenger:{version}"))));
}

#[test]
fn the_builder_sees_every_folder_of_the_workspace() {
    let ignored = crate::read(".dockerignore");
    let seen: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(seen.iter().all(|path| crate::root().join(path).exists()), "{seen:?}");
    let manifest = crate::read("Cargo.toml");
    let members = manifest.lines().filter_map(|line| line.trim().strip_suffix("/*\","));
    let members: Vec<_> = members.map(|folder| folder.trim_matches('"')).collect();
    assert!(!members.is_empty());
    for folder in members.into_iter().chain(["Cargo.toml", "Cargo.lock", "migrations", "proto"]) {
        assert!(seen.contains(&folder), "{folder} is not in .dockerignore");
    }
}

#[test]
fn the_programs_are_built_and_copied_and_nothing_else() {
    let copies: Vec<_> = last_stage().into_iter().filter(|(word, _)| word == "COPY").collect();
    let [(_, programs), (_, state)] = &copies[..] else { panic!("{copies:?}") };
    let paths: Vec<_> =
        programs.split(' ').filter_map(|word| word.strip_prefix("/src/target/release/")).collect();
    assert_eq!(paths, PROGRAMS.map(|program| program.name));
    assert!(programs.ends_with(" /usr/local/bin/"), "on the PATH");
    assert!(state.contains("--chown=65532:65532 /state "), "{state}");
    for program in PROGRAMS {
        let manifest = crate::read(&format!("services/{}/Cargo.toml", program.name));
        assert!(manifest.contains(&format!("name = \"messenger-{}\"", program.name)));
        let package = format!("--package messenger-{}", program.name);
        let builds = instructions().into_iter().filter(|(_, rest)| rest.contains("cargo build"));
        assert_eq!(builds.filter(|(_, rest)| rest.contains(&package)).count(), 2, "{package}");
    }
}

#[test]
fn the_image_runs_as_nobody() {
    let stage = last_stage();
    let user = stage.iter().find(|(word, _)| word == "USER").map(|(_, user)| user.as_str());
    assert_eq!(user, Some("65532:65532"));
    assert!(!stage.iter().any(|(word, _)| word == "RUN"), "there is no shell in the image");
}
