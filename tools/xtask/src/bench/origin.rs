//! Where and when figures come from.

use std::process::Command;
use std::thread::available_parallelism;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Bench;

const MODEL: &str = "model name";
const TOTAL: &str = "MemTotal:";

/// The machine, the code and the time of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) at: Timestamp,
    /// The commit, `-dirty` when files differ from it; `None` without git.
    pub(super) commit: Option<String>,
    pub(super) processors: usize,
    /// What the processor calls itself, where the system tells.
    pub(super) model: Option<String>,
    /// Bytes of memory, where the system tells.
    pub(super) memory: Option<u64>,
}

impl Origin {
    pub(super) fn here(bench: &Bench<'_>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "people read when it was")]
        let at = Timestamp::now();
        let mut git = Command::new("git");
        git.args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(bench.project.root());
        let commit = git.output().ok().filter(|output| output.status.success());
        let text = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        Self {
            at,
            commit: commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            processors: available_parallelism().map_or(1, usize::from),
            model: model(&text("/proc/cpuinfo")),
            memory: memory(&text("/proc/meminfo")),
        }
    }
}

fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix(MODEL))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(TOTAL))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_named_where_it_tells() {
        assert_eq!(
            model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n").as_deref(),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(memory("MemTotal:        8000000 kB\nMemFree: 1 kB\n"), Some(8_192_000_000));
        assert_eq!((model(""), memory("")), (None, None));
    }
}
