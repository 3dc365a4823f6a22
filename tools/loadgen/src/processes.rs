//! CPU time and memory of processes, as Linux tells them under `/proc`. Elsewhere nothing is measured.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::measure::Timeline;

const PROC: &str = "/proc";
/// The unit of CPU times in `/proc`, whatever the kernel's own clock is.
const USER_HZ: f64 = 100.0;
/// What the names of the gateways' processes begin with.
pub(crate) const GATEWAYS: &str = "gateway";
/// Name of this program in the result.
const OURSELVES: &str = "loadgen";

/// A process to look at while measuring. Its descendants count with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What the result calls it.
    pub name: String,
    /// Process id.
    pub pid: u32,
}

/// What a process and its descendants used in the measured time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// What it was called.
    pub name: String,
    /// Processor time, in seconds; 2 in one second when two processors worked for it.
    pub cpu_seconds: f64,
    /// Bytes in memory at the end; what its processes share is counted once.
    pub resident_bytes: u64,
}

/// Memory of a process and its descendants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// What it was called.
    pub name: String,
    /// Bytes in memory; what its processes share is counted once.
    pub resident_bytes: u64,
}

/// One line of `/proc/<pid>/stat`: CPU time in ticks, that of ended children included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    parent: u32,
    ticks: u64,
}

/// Resident memory in KiB by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Resident {
    own: u64,
    file: u64,
    shared: u64,
}

impl FromStr for Watched {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').ok_or("NAME=PID is needed")?;
        let pid = pid.parse().map_err(|_| format!("`{pid}` is no process id"))?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

/// What the processes, and this one, use in a stretch of the timeline.
pub(crate) async fn measure(watched: &[Watched], timeline: &Timeline, stretch: Range<u64>) -> Vec<Usage> {
    timeline.reach(stretch.start).await;
    let before = processes();
    timeline.reach(stretch.end).await;
    used_since(&before, watched)
}

/// What the processes, and this one, have used since `before`.
pub(crate) fn used_since(before: &Processes, watched: &[Watched]) -> Vec<Usage> {
    let ourselves = Watched { name: OURSELVES.to_owned(), pid: std::process::id() };
    let after = processes();
    watched.iter().chain([&ourselves]).filter_map(|watched| usage(watched, before, &after)).collect()
}

/// Processor time of the processes since `before`, all together.
pub fn cpu_since(before: &Processes, watched: &[Watched]) -> Duration {
    let after = processes();
    let used = watched.iter().filter_map(|watched| usage(watched, before, &after));
    Duration::from_secs_f64(used.map(|usage| usage.cpu_seconds).sum())
}

/// Memory of the processes now.
pub(crate) fn memory(watched: &[Watched]) -> Vec<Memory> {
    let all = processes();
    let of = |watched: &Watched| Memory {
        name: watched.name.clone(),
        resident_bytes: resident(&tree(watched.pid, &all)),
    };
    watched.iter().map(of).collect()
}

/// Memory of those whose name begins so.
pub(crate) fn sum(memory: &[Memory], name: &str) -> u64 {
    memory.iter().filter(|one| one.name.starts_with(name)).map(|one| one.resident_bytes).sum()
}

/// Every process of the machine with its parent and CPU time.
pub type Processes = BTreeMap<u32, Stat>;

/// Looks at every process of the machine.
pub fn processes() -> Processes {
    let entries = std::fs::read_dir(PROC).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that ends meanwhile is missing here and counted with its parent.
    pids.filter_map(|pid: u32| Some((pid, parse_stat(&read(pid, "stat")?)?))).collect()
}

/// `None` where there is no such process, or no `/proc`.
fn usage(watched: &Watched, before: &Processes, after: &Processes) -> Option<Usage> {
    let (earlier, now) = (tree(watched.pid, before), tree(watched.pid, after));
    if earlier.is_empty() || now.is_empty() {
        return None;
    }
    let ticks = sum_ticks(&now, after).saturating_sub(sum_ticks(&earlier, before));
    #[expect(clippy::cast_precision_loss, reason = "a duration is not exact")]
    let cpu_seconds = ticks as f64 / USER_HZ;
    Some(Usage { name: watched.name.clone(), cpu_seconds, resident_bytes: resident(&now) })
}

fn resident(pids: &[u32]) -> u64 {
    resident_bytes(pids.iter().filter_map(|pid| Some(parse_status(&read(*pid, "status")?))))
}

/// The process and its descendants.
fn tree(root: u32, processes: &Processes) -> Vec<u32> {
    let mut found: Vec<u32> = processes.contains_key(&root).then_some(root).into_iter().collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(processes.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

fn sum_ticks(pids: &[u32], processes: &Processes) -> u64 {
    pids.iter().filter_map(|pid| processes.get(pid)).map(|stat| stat.ticks).sum()
}

/// Memory that processes share is that of the one which has touched most of it.
fn resident_bytes(processes: impl Iterator<Item = Resident>) -> u64 {
    let sum = processes.fold(Resident::default(), |sum, one| Resident {
        own: sum.own + one.own,
        file: sum.file.max(one.file),
        shared: sum.shared.max(one.shared),
    });
    (sum.own + sum.file + sum.shared) * 1024
}

/// The name in parentheses may hold anything, more of them too; the numbers follow the last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks })
}

fn parse_status(text: &str) -> Resident {
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    Resident { own: kib("RssAnon"), file: kib("RssFile"), shared: kib("RssShmem") }
}

fn read(pid: u32, file: &str) -> Option<String> {
    // A process may call itself what is not UTF-8.
    let bytes = std::fs::read(Path::new(PROC).join(pid.to_string()).join(file)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
