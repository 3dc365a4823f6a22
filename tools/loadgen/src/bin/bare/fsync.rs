//! How long the disk takes to keep what was written: the floor of every commit.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::time::Instant;

use crate::pace::{Steps, Window};

/// Bytes of a write: a page of PostgreSQL's log.
const WRITE_BYTES: usize = 8 * 1024;
/// Bytes of the file, which is written before it is measured: a segment of PostgreSQL's log.
const FILE_BYTES: usize = 16 << 20;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A folder on the disk that is measured
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// Writes over a file page by page, one after the other, each until the disk has it.
pub(crate) fn run(options: &Options) -> Result<Steps> {
    let path = options.folder.join(format!("bare-fsync-{}", std::process::id()));
    let measured = measure(&path, options.seconds);
    let removed = std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()));
    let steps = measured?;
    removed?;
    Ok(steps)
}

fn measure(path: &Path, seconds: u64) -> Result<Steps> {
    let file = make(path).with_context(|| format!("write {}", path.display()))?;
    let page = vec![1; WRITE_BYTES];
    let window = Window::open(seconds);
    let mut steps = Steps::new(window)?;
    for number in 0.. {
        let started = Instant::now();
        file.write_all_at(&page, (number * WRITE_BYTES % FILE_BYTES) as u64)?;
        file.sync_data()?;
        if steps.note(started, Instant::now()) {
            break;
        }
    }
    Ok(steps)
}

fn make(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().create_new(true).write(true).open(path)?;
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_gone_afterwards() {
        let folder = std::env::temp_dir().join(format!("bare-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let report = run(&Options { folder: folder.clone(), seconds: 1 }).expect("a disk").report();
        assert!(report.per_second > 0.0 && report.p50 <= report.p99, "{report:?}");
        std::fs::remove_dir(&folder).expect("an empty folder");
    }
}
