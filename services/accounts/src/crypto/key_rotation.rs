//! Other keys in the key file, written by one process at a time and read by all that serve.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::key_file::{KeyFileError, load, overwrite};
use super::keys::{KEYS_MAX, Key, KeyError, Keys};

/// Why the file keeps its keys.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The file cannot be read, or what is in it.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The file or its lock cannot be written.
    #[error("write the key file")]
    Write(#[from] io::Error),
    /// No key can be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Somebody else is at it.
    #[error("another process changes the keys at this moment")]
    Locked,
    /// The key of the rotation before does not sign yet.
    #[error("a new key signs from {0} on: rotate after that")]
    Waiting(Timestamp),
    /// Rotations came faster than tokens expire.
    #[error("{KEYS_MAX} keys are still needed to verify tokens: rotate later")]
    Full,
}

/// Adds a key that signs after `lead`, the time in which everybody who verifies gets to know it, and drops those that
/// verify nothing any more: `life` is that of a token. Says when the new key takes over.
///
/// # Errors
/// [`RotationError`]; the file is as it was.
pub fn rotate_keys(
    path: &Path,
    now: Timestamp,
    lead: Duration,
    life: Duration,
) -> Result<Timestamp, RotationError> {
    let _lock = lock(path)?;
    let keys = load(path)?;
    if let Some(waiting) = keys.newest().signs_from.filter(|time| *time > now) {
        return Err(RotationError::Waiting(waiting));
    }
    // Whole seconds, as the file tells them.
    let from =
        Timestamp::from_second(now.as_second()).unwrap_or(now).saturating_add(lead).unwrap_or(Timestamp::MAX);
    let keys = keys.followed_by(Key::generate(Some(from))?, now, life);
    if keys.iter().count() > KEYS_MAX {
        return Err(RotationError::Full);
    }
    overwrite(path, &keys.to_pem())?;
    Ok(from)
}

/// Puts one new key in the place of all others, which verify nothing from now on: for keys that somebody else may have.
///
/// # Errors
/// [`RotationError`]; the file is as it was.
pub fn replace_keys(path: &Path) -> Result<(), RotationError> {
    let _lock = lock(path)?;
    load(path)?;
    overwrite(path, &Keys::of(Key::generate(None)?).to_pem())?;
    Ok(())
}

/// What each key does at `now`, one a line, newest first. Nothing of it is secret.
pub fn list_keys(keys: &Keys, now: Timestamp, life: Duration) -> String {
    let signing = &keys.signing(now).id;
    keys.iter().fold(String::new(), |mut lines, key| {
        let state = match (key.signs_from, key.verifies_until(life)) {
            _ if key.id == *signing => "signs".to_owned(),
            (Some(from), _) if from > now => format!("signs from {from}"),
            (_, Some(until)) if until <= now => "is not needed any more".to_owned(),
            (_, Some(until)) => format!("verifies until {until:.0}"),
            (_, None) => "verifies".to_owned(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{}  {state}", key.id);
        lines
    })
}

/// Held as long as the file is; the system lets go of it when the process ends, however it does.
fn lock(path: &Path) -> Result<File, RotationError> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RotationError::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::key_file::load_or_create;
    use super::super::key_folder_tests::Folder;
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const LEAD: Duration = Duration::from_secs(600);
    const LIFE: Duration = Duration::from_secs(900);

    fn after(seconds: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn a_rotation_adds_a_key_that_waits_and_drops_what_is_old() {
        let folder = Folder::new();
        let file = folder.file();
        let first = load_or_create(&file).unwrap().newest().id.clone();
        assert_eq!(rotate_keys(&file, NOW, LEAD, LIFE).unwrap(), after(600));
        assert!(matches!(rotate_keys(&file, after(599), LEAD, LIFE), Err(RotationError::Waiting(_))));
        let keys = load(&file).unwrap();
        let second = keys.newest().id.clone();
        assert_eq!((&keys.signing(after(599)).id, &keys.signing(after(600)).id), (&first, &second));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let listed = list_keys(&keys, after(700), LIFE);
        assert_eq!(listed, format!("{second}  signs\n{first}  verifies until {}\n", after(600 + 900 + 120)));

        rotate_keys(&file, after(600 + 900 + 120), LEAD, LIFE).unwrap();
        let ids: Vec<_> = load(&file).unwrap().iter().map(|key| key.id.clone()).collect();
        assert!(ids.len() == 2 && ids[1] == second, "the first is dropped: {ids:?}");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 2, "the file and its lock");
    }

    #[test]
    fn rotations_faster_than_tokens_expire_come_to_an_end() {
        let folder = Folder::new();
        load_or_create(&folder.file()).unwrap();
        let second = Duration::from_secs(1);
        for n in 1..KEYS_MAX {
            rotate_keys(&folder.file(), after(2 * n as u64), second, LIFE).unwrap();
        }
        assert!(matches!(rotate_keys(&folder.file(), after(90), second, LIFE), Err(RotationError::Full)));
        assert_eq!(load(&folder.file()).unwrap().iter().count(), KEYS_MAX);
    }

    #[test]
    fn a_replacement_leaves_one_new_key() {
        let folder = Folder::new();
        let first = load_or_create(&folder.file()).unwrap().newest().id.clone();
        replace_keys(&folder.file()).unwrap();
        let keys = load(&folder.file()).unwrap();
        assert!(keys.iter().count() == 1 && keys.newest().id != first);
    }

    #[test]
    fn one_process_at_a_time_changes_the_keys() {
        let folder = Folder::new();
        load_or_create(&folder.file()).unwrap();
        let held = lock(&folder.file()).unwrap();
        assert!(matches!(rotate_keys(&folder.file(), NOW, LEAD, LIFE), Err(RotationError::Locked)));
        assert!(matches!(replace_keys(&folder.file()), Err(RotationError::Locked)));
        drop(held);
        rotate_keys(&folder.file(), NOW, LEAD, LIFE).unwrap();
    }

    #[test]
    fn a_missing_file_is_not_made() {
        let folder = Folder::new();
        assert!(matches!(rotate_keys(&folder.file(), NOW, LEAD, LIFE), Err(RotationError::File(_))));
        assert!(!folder.file().exists());
    }
}
