//! `cargo xtask skew`: builds the services of an earlier revision, and lets them and ours work side by side under load.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::packages::output;
use crate::project::{self, Profile, Project};

/// The program that changes the one for the other.
const PROGRAM: &str = "skew";
/// What is compared with while no release has a tag: the last revision of the first schema that was in use.
const FIRST: &str = "3422abee099fe87cfec90257b286eeca414f3d75";
/// How it is upgraded without an outage: its gateways show no token, and its log-ins live for a day. See CHANGELOG.
const FIRST_SETTINGS: [&str; 3] =
    ["MESSENGER_MODE=development", "ACCOUNTS_GRPC_TOKEN=", "GATEWAY_TOKEN_LIFE_MAX_SECONDS=86400"];
/// Tags of releases.
const TAGS: &str = "v[0-9]*";

/// How it is run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The earlier revision: a tag, a branch or a commit [default: the newest release before this one]
    #[arg(long)]
    from: Option<String>,
    /// Further arguments of the program (after `--`; try `-- --help`)
    #[arg(last = true)]
    further: Vec<String>,
}

/// Runs it to its end.
///
/// # Errors
/// When the earlier revision is not there, something cannot be built or started, or the promise was broken.
pub(crate) fn run(options: &Options, project: &Project, console: &Console) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let revision = match &options.from {
        Some(revision) => revision.clone(),
        None => newest_release(project)?.unwrap_or_else(|| FIRST.to_owned()),
    };
    let commit = resolve(project, &revision)?;
    let tree = check_out(project, &commit)?;
    console.step(&format!("building the services of {revision}, and ours"));
    let mut cargo = Command::new("cargo");
    build(&mut cargo, &["accounts", "gateway"]);
    // In a target folder of its own, which the next run finds warm: to cargo, crates of the same name in two working trees
    // are the same crate.
    cargo.current_dir(&tree).env_remove("CARGO_TARGET_DIR");
    project::succeed(&mut cargo, &interrupt)?;
    project::succeed(build(&mut project.cargo(), &["accounts", "gateway", PROGRAM]), &interrupt)?;
    console.step(&format!("upgrading {revision} under load, and going back"));
    let mut skew = Command::new(project.binary(Profile::Dev, PROGRAM));
    skew.arg(tree.join("target/debug")).arg("--history").arg(project.skew().join("history.jsonl"));
    if commit == FIRST {
        skew.args(FIRST_SETTINGS.iter().flat_map(|pair| ["--set", pair]));
    }
    let status = project::finish(skew.args(&options.further), &interrupt, || Ok(()))?;
    ensure!(status.success(), "the two do not go together, or the run failed ({status})");
    Ok(())
}

/// As `cargo xtask test` builds them, so that its work is used.
fn build<'a>(cargo: &'a mut Command, programs: &[&str]) -> &'a mut Command {
    cargo.args(["build", "--workspace"]).args(programs.iter().flat_map(|program| ["--bin", program]))
}

/// The newest tag of a release before the present commit.
fn newest_release(project: &Project) -> Result<Option<String>> {
    let tags = ["tag", "--list", TAGS, "--sort=-version:refname", "--merged", "HEAD"];
    let head = git(project, &["rev-parse", "HEAD"])?;
    for tag in git(project, &tags)?.lines() {
        if resolve(project, tag)? != head {
            return Ok(Some(tag.to_owned()));
        }
    }
    Ok(None)
}

fn resolve(project: &Project, revision: &str) -> Result<String> {
    let commit = git(project, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")]);
    commit.with_context(|| {
        format!(
            "this clone has no {revision}. A shallow clone lacks history: `git fetch --unshallow --tags`; in continuous \
             integration, check out the whole history"
        )
    })
}

/// A working tree of the commit, made once.
fn check_out(project: &Project, commit: &str) -> Result<PathBuf> {
    let tree = project.skew().join(&commit[..commit.len().min(12)]);
    if tree.join("Cargo.toml").is_file() {
        return Ok(tree);
    }
    std::fs::create_dir_all(project.skew()).context("create a folder for the earlier revision")?;
    let path = tree.to_str().context("a path in UTF-8")?;
    // A folder that was deleted by hand is still in git's list.
    git(project, &["worktree", "add", "--force", "--detach", path, commit])?;
    Ok(tree)
}

fn git(project: &Project, arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(project.root()).args(arguments);
    let text = String::from_utf8(output(&mut git)?).context("git's answer")?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_that_is_not_there_says_what_to_do() {
        let project = Project::find().expect("the working copy");
        let problem = format!("{:#}", resolve(&project, "no-such-revision").expect_err("there is none"));
        assert!(problem.contains("no-such-revision") && problem.contains("--unshallow"), "{problem}");
    }
}
