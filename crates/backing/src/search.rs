//! Where installed servers are looked for.

use std::path::{Path, PathBuf};

/// Folders that hold one folder a version: parent, beginning of the child's name, way from the child to the binaries.
const VERSIONED: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];
const REDIS_NAMES: [&str; 2] = ["redis-server", "valkey-server"];
const REDIS_FOLDERS: [&str; 4] =
    ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/usr/local/opt/redis/bin"];

/// Folders of system programs that the `PATH` of a normal user often lacks.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/// A program of this machine.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// The folders of this machine that may hold server binaries, best first.
#[derive(Debug, Clone, Default)]
pub struct SearchPath {
    postgres: Vec<PathBuf>,
    redis: Vec<PathBuf>,
}

impl SearchPath {
    /// `PATH`, then the places where Debian, Red Hat, Homebrew and Postgres.app put them, newest version first.
    #[must_use]
    pub fn system() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::below(Path::new("/"), std::env::split_paths(&path).collect())
    }

    /// Nowhere: only the wheels remain.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::default()
    }

    fn below(root: &Path, path: Vec<PathBuf>) -> Self {
        let inside = |folder: &str| root.join(folder.trim_start_matches('/'));
        let versioned =
            VERSIONED.iter().flat_map(|(parent, prefix, rest)| versions(&inside(parent), prefix, rest));
        let redis = REDIS_FOLDERS.iter().map(|folder| inside(folder));
        Self {
            postgres: path.iter().cloned().chain(versioned).collect(),
            redis: path.into_iter().chain(redis).collect(),
        }
    }

    /// Folders that have both `initdb` and `postgres`.
    pub(crate) fn postgres(&self) -> impl Iterator<Item = &Path> {
        let complete =
            |folder: &&PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
        self.postgres.iter().filter(complete).map(PathBuf::as_path)
    }

    /// Redis or Valkey servers.
    pub(crate) fn redis(&self) -> impl Iterator<Item = PathBuf> {
        let all = self.redis.iter().flat_map(|folder| REDIS_NAMES.map(|name| folder.join(name)));
        all.filter(|file| file.is_file())
    }
}

/// `parent/prefix<version>/rest` for each version that is there, newest first.
fn versions(parent: &Path, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = version(entry.file_name().to_str()?.strip_prefix(prefix)?)?;
            Some((version, entry.path().join(rest)))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn version(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, file: &str) {
        let file = root.join(file);
        std::fs::create_dir_all(file.parent().expect("parent")).expect("folder");
        std::fs::write(file, "").expect("file");
    }

    fn fake_machine(name: &str, files: &[&str]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("messenger-search-{name}-{}", std::process::id()));
        for file in files {
            put(&root, file);
        }
        root
    }

    #[test]
    fn path_comes_first_then_the_newest_version() {
        let root = fake_machine(
            "order",
            &[
                "usr/lib/postgresql/9.6/bin/initdb",
                "usr/lib/postgresql/9.6/bin/postgres",
                "usr/lib/postgresql/15/bin/initdb",
                "usr/lib/postgresql/15/bin/postgres",
                "usr/lib/postgresql/17/bin/initdb", // client packages only: no server
                "usr/lib/postgresql/common/bin/postgres",
                "opt/homebrew/opt/postgresql@18/bin/initdb",
                "opt/homebrew/opt/postgresql@18/bin/postgres",
                "own/initdb",
                "own/postgres",
                "empty/readme",
            ],
        );
        let search = SearchPath::below(&root, vec![root.join("empty"), root.join("own")]);
        let found: Vec<_> = search.postgres().map(|path| path.strip_prefix(&root).expect("inside")).collect();
        let expected = ["own", "usr/lib/postgresql/15/bin", "usr/lib/postgresql/9.6/bin"]
            .map(Path::new)
            .into_iter()
            .chain([Path::new("opt/homebrew/opt/postgresql@18/bin")]);
        assert_eq!(found, expected.collect::<Vec<_>>());
        std::fs::remove_dir_all(root).expect("clean up");
    }

    #[test]
    fn redis_wins_over_valkey_in_one_folder_and_path_over_both() {
        let root =
            fake_machine("redis", &["usr/bin/redis-server", "usr/bin/valkey-server", "own/valkey-server"]);
        let search = SearchPath::below(&root, vec![root.join("own")]);
        let found: Vec<_> = search.redis().collect();
        let expected = ["own/valkey-server", "usr/bin/redis-server", "usr/bin/valkey-server"];
        assert_eq!(found, expected.map(|file| root.join(file)));
        std::fs::remove_dir_all(root).expect("clean up");
    }

    #[test]
    fn nowhere_finds_nothing() {
        assert_eq!(SearchPath::nowhere().postgres().count(), 0);
        assert_eq!(SearchPath::nowhere().redis().count(), 0);
    }
}
