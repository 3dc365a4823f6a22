//! The folder that holds the servers' data, and who may use which part of it.
//!
//! As a normal user that is the folder asked for. As root the servers run as somebody else, who often cannot reach it
//! (`/root` is closed): the data then live in a twin below `/var/tmp`, and the folder asked for is a link to it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use crate::user::ServerUser;

/// Folder of the twins; unlike `/tmp` it outlives a reboot.
const TWINS: &str = "/var/tmp";
/// How many runs may share a name in [`Home::claim_any`].
const SLOTS: u32 = 64;

/// All servers of one working copy.
#[derive(Debug)]
pub struct Home {
    asked: PathBuf,
    root: PathBuf,
    user: ServerUser,
}

impl Home {
    /// Opens, and creates if missing, the home at `path`.
    ///
    /// # Errors
    /// When the folder cannot be created, or was left by another user's run.
    pub fn open(path: &Path) -> Result<Self> {
        let user = ServerUser::detect()?;
        let asked = canonical(path)?;
        let root = match user {
            ServerUser::Ourselves => open_own(&asked)?,
            ServerUser::Other { .. } => open_twin(&asked)?,
        };
        Ok(Self { asked, root, user })
    }

    /// Takes the place called `name` until the returned value and all servers in it are dropped.
    ///
    /// # Errors
    /// When another run holds it (the message has its process id).
    pub fn claim(&self, name: &str) -> Result<Place> {
        match self.try_claim(name)? {
            Ok(place) => Ok(place),
            Err(holder) => bail!("{} is in use by process {holder}", self.root.join(name).display()),
        }
    }

    /// Takes the first free one of the places `prefix-0`, `prefix-1`, …
    ///
    /// # Errors
    /// When 64 runs hold one each.
    pub fn claim_any(&self, prefix: &str) -> Result<Place> {
        for slot in 0..SLOTS {
            if let Ok(place) = self.try_claim(&format!("{prefix}-{slot}"))? {
                return Ok(place);
            }
        }
        bail!("all {SLOTS} places for `{prefix}` below {} are in use", self.root.display())
    }

    /// Stops whatever earlier runs left behind and deletes everything.
    ///
    /// # Errors
    /// When a place is in use, or the folder cannot be removed.
    pub fn clear(self) -> Result<()> {
        for entry in std::fs::read_dir(&self.root)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(place) = name.strip_suffix(".lock") {
                self.claim(place)?.clear()?;
            }
        }
        std::fs::remove_dir_all(&self.root).with_context(|| format!("delete {}", self.root.display()))?;
        match std::fs::remove_file(&self.asked) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn try_claim(&self, name: &str) -> Result<Result<Place, String>> {
        let path = self.root.join(format!("{name}.lock"));
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder)?;
                return Ok(Err(holder));
            }
            Err(TryLockError::Error(error)) => return Err(error).context("lock the servers' folder"),
        }
        lock.set_len(0)?;
        write!(lock, "{}", std::process::id())?;
        let dir = self.root.join(name);
        make_dir(&dir, 0o700)?;
        self.user.own(&dir)?;
        Ok(Ok(Place { dir, root: self.root.clone(), user: self.user, _lock: Arc::new(lock) }))
    }
}

/// A part of the [`Home`] that belongs to one run: at most one PostgreSQL and one Redis live in it.
#[derive(Debug, Clone)]
pub struct Place {
    dir: PathBuf,
    root: PathBuf,
    user: ServerUser,
    _lock: Arc<File>,
}

impl Place {
    /// Stops whatever an earlier run left in this place and deletes its data.
    ///
    /// # Errors
    /// When a server does not end, or its data cannot be removed.
    pub fn clear(&self) -> Result<()> {
        crate::postgres::stop_leftover(self)?;
        crate::redis::stop_leftover(self)?;
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            std::fs::remove_dir_all(&path).with_context(|| format!("delete {}", path.display()))?;
        }
        Ok(())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The home's own folder, shared by all places.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A number that differs between places, to spread their ports.
    pub(crate) fn seed(&self) -> u64 {
        hash(&self.dir)
    }

    /// A command that runs as the servers' user, without our environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([("LC_ALL", "C"), ("PATH", "/usr/local/bin:/usr/bin:/bin")])
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        self.user.apply(&mut command);
        command
    }

    pub(crate) fn make_dir(&self, path: &Path) -> Result<()> {
        make_dir(path, 0o700)?;
        self.user.own(path)
    }

    /// Writes a file that only the servers' user can read.
    pub(crate) fn write(&self, path: &Path, contents: &str) -> Result<()> {
        self.create(path)?.write_all(contents.as_bytes()).with_context(|| format!("write {}", path.display()))
    }

    /// Creates or empties a file that only the servers' user can read.
    pub(crate) fn create(&self, path: &Path) -> Result<File> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("write {}", path.display()))?;
        self.user.own(path)?;
        Ok(file)
    }
}

fn open_own(asked: &Path) -> Result<PathBuf> {
    if asked.is_symlink() {
        bail!(
            "{} was made by root: run as root again, or remove it as root (`cargo xtask reset`)",
            asked.display()
        );
    }
    make_dir(asked, 0o700)?;
    Ok(asked.to_owned())
}

fn open_twin(asked: &Path) -> Result<PathBuf> {
    let twin = Path::new(TWINS).join(format!("messenger-{:016x}", hash(asked)));
    make_dir(&twin, 0o755)?;
    let metadata = std::fs::symlink_metadata(&twin)?;
    if !metadata.is_dir() || metadata.uid() != 0 {
        // Anybody may create files below /var/tmp: what is not ours must not be trusted.
        bail!("{} is not a folder of root's", twin.display());
    }
    // Whatever our umask is, the servers' user must be able to pass.
    std::fs::set_permissions(&twin, Permissions::from_mode(0o755))?;
    if std::fs::read_link(asked).is_ok_and(|target| target == twin) {
        return Ok(twin);
    }
    if asked.is_symlink() {
        std::fs::remove_file(asked)?;
    } else if asked.exists() {
        bail!("{} was made by a normal user: run as that user, or remove it", asked.display());
    }
    match symlink(&twin, asked) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(twin),
        Err(error) => Err(error).with_context(|| format!("link {} to {}", asked.display(), twin.display())),
        Ok(()) => Ok(twin),
    }
}

/// One name for one folder, however the caller spelled it; the folder itself may be missing, or a link.
fn canonical(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).context("find the servers' folder")?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("{} is no place for the servers' folder", path.display());
    };
    make_dir(parent, 0o755)?;
    Ok(parent.canonicalize().with_context(|| format!("find {}", parent.display()))?.join(name))
}

fn make_dir(path: &Path, mode: u32) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .with_context(|| format!("create {}", path.display()))
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
