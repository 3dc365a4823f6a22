//! The file that holds the signing keys: made on the first start, by one of the processes that start together.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::keys::{KeyError, Keys, generate_pem};

/// Readable and writable by the owner alone.
const MODE: u32 = 0o600;
/// Permissions of everybody else, the group included, which a key file must not have.
const OTHERS: u32 = 0o077;
/// The same of a file that root keeps for us: it is by our group that we read it, and nobody may write it.
const OTHERS_MOUNTED: u32 = 0o037;
const ROOT: u32 = 0;

/// Why the file gives no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file or its folder cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others on the machine may read the key.
    #[error(
        "{0}: must not be accessible to its group or to others (chmod 600; of a file of root's, 440 to our group)"
    )]
    Exposed(PathBuf),
    /// What is in the file.
    #[error("{path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
}

/// The keys in the file. A missing file is created, complete or not at all: of several processes that start at once
/// one wins, and the others read its key.
///
/// # Errors
/// [`KeyFileError`].
pub fn load_or_create(path: &Path) -> Result<Keys, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let key = |source| KeyFileError::Key { path: path.to_owned(), source };
    if read(path).map_err(io)?.is_none() {
        create(path, &SecretString::from(generate_pem().map_err(key)?)).map_err(io)?;
    }
    load(path)
}

/// The keys in the file, which must be there.
///
/// # Errors
/// [`KeyFileError`].
pub(super) fn load(path: &Path) -> Result<Keys, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let key = |source| KeyFileError::Key { path: path.to_owned(), source };
    let text = read(path).map_err(io)?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))?;
    let file = fs::metadata(path).map_err(io)?;
    if exposed(file.uid(), file.mode(), rustix::process::geteuid().as_raw()) {
        return Err(KeyFileError::Exposed(path.to_owned()));
    }
    Keys::from_pem(text.expose_secret()).map_err(key)
}

/// Whether others than the service may touch the file. An orchestrator mounts secrets as files of root's that the group
/// of the container reads; whatever is ours is ours alone.
fn exposed(owner: u32, mode: u32, we: u32) -> bool {
    let mounted = owner == ROOT && we != ROOT;
    mode & if mounted { OTHERS_MOUNTED } else { OTHERS } != 0
}

fn read(path: &Path) -> io::Result<Option<SecretString>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(SecretString::from(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes beside the path first and links the whole file to its name: linking fails when the name is taken.
fn create(path: &Path, pem: &SecretString) -> io::Result<()> {
    let draft = draft(path);
    let linked = write(&draft, pem).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    removed?;
    sync_folder(path)
}

/// Puts another text in the place of the file, at once and for good. The file keeps its owner and its permissions: a text
/// that the service cannot read would stop it at its next start.
pub(super) fn overwrite(path: &Path, pem: &SecretString) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let present = fs::metadata(&path)?;
    let draft = draft(&path);
    let written = write(&draft, pem).and_then(|()| {
        if fs::metadata(&draft)?.uid() != present.uid() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "must be run by the owner of the file",
            ));
        }
        fs::set_permissions(&draft, present.permissions())?;
        fs::rename(&draft, &path)
    });
    if written.is_err() {
        // The first error is the one to be told.
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync_folder(&path)
}

fn draft(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write(draft: &Path, pem: &SecretString) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(draft)?;
    file.write_all(pem.expose_secret().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Barrier;

    use super::super::key_folder_tests::Folder;
    use super::*;

    #[test]
    fn the_file_is_made_once_and_private() {
        let folder = Folder::new();
        let made = load_or_create(&folder.file()).unwrap();
        let read = load_or_create(&folder.file()).unwrap();
        assert_eq!(made.newest().id, read.newest().id);
        assert_eq!(fs::metadata(folder.file()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.file().parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn processes_that_start_together_end_with_one_key() {
        let folder = Folder::new();
        let barrier = Barrier::new(16);
        let start = || {
            barrier.wait();
            load_or_create(&folder.file()).unwrap().newest().id.clone()
        };
        let ids: std::collections::HashSet<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        assert_eq!(fs::read_dir(folder.file().parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_exposed_file_is_refused() {
        let folder = Folder::new();
        load_or_create(&folder.file()).unwrap();
        for mode in [0o604, 0o640, 0o660, 0o602] {
            fs::set_permissions(folder.file(), fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(load_or_create(&folder.file()), Err(KeyFileError::Exposed(_))), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_root_keeps_for_us_may_be_read_by_our_group() {
        let (root, service) = (ROOT, 65_532);
        for (owner, we, mode, refused) in [
            (root, service, 0o440, false),
            (root, service, 0o640, false),
            (root, service, 0o660, true),
            (root, service, 0o444, true),
            (root, service, 0o450, true),
            (service, service, 0o440, true),
            (root, root, 0o440, true),
            (service, root, 0o440, true),
        ] {
            assert_eq!(exposed(owner, mode, we), refused, "{owner} {mode:o} {we}");
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let folder = Folder::new();
        fs::write(folder.file(), "hunter2").unwrap();
        fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o600)).unwrap();
        let error = load_or_create(&folder.file()).unwrap_err().to_string();
        assert!(error.contains("signing.pem") && !error.contains("hunter2"), "{error}");
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), "hunter2");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = load_or_create(Path::new("/nonexistent/signing.pem")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/signing.pem"), "{error}");
    }
}
