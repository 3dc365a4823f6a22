//! The programs of the image, asked what they understand.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The services, each with the environment without which it refuses to say anything.
pub(crate) const PROGRAMS: [Program; 2] = [
    Program {
        name: "accounts",
        needs: &[
            ("MESSENGER_MODE", "development"),
            ("ACCOUNTS_DATABASE_URL", "postgres://localhost/messenger"),
            ("ACCOUNTS_SIGNING_KEY_FILE", "/nonexistent/signing-key.pem"),
        ],
    },
    Program {
        name: "gateway",
        needs: &[
            ("MESSENGER_MODE", "development"),
            ("GATEWAY_DATABASE_URL", "postgres://localhost/messenger"),
            ("GATEWAY_REDIS_URL", "redis://localhost"),
        ],
    },
];

/// A program of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    needs: &'static [(&'static str, &'static str)],
}

/// A key as `check-config` lists it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) default: String,
    pub(crate) about: String,
}

impl Program {
    pub(crate) fn named(name: &str) -> Self {
        let found = PROGRAMS.into_iter().find(|program| program.name == name);
        found.unwrap_or_else(|| panic!("{name} is no program of the image"))
    }

    /// The subcommands that its help lists.
    pub(crate) fn subcommands(self) -> Vec<String> {
        let output = self.run(&["--help"], &BTreeMap::new());
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, list) = text.split_once("Commands:\n").expect("a list of commands");
        let names = list.lines().map_while(|line| line.strip_prefix("  ")?.split_whitespace().next());
        names.map(str::to_owned).collect()
    }

    /// Every key that the program reads.
    pub(crate) fn keys(self) -> Vec<Key> {
        let needs = self.needs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let output = self.run(&["check-config"], &needs.collect());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(key).collect()
    }

    /// Runs with this environment and no other.
    pub(crate) fn run(self, arguments: &[&str], environment: &BTreeMap<String, String>) -> Output {
        let mut command = Command::new(self.path());
        command.args(arguments).env_clear().envs(environment);
        command.output().unwrap_or_else(|error| panic!("run {}: {error}", self.name))
    }

    fn path(self) -> PathBuf {
        let path = folder().join(self.name);
        assert!(path.is_file(), "{} is missing: run `cargo build --workspace` first", path.display());
        path
    }
}

/// Where cargo has put them.
pub(crate) fn folder() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

/// A line of the table: name, default and meaning, at least two spaces apart.
fn key(line: &str) -> Key {
    let mut columns = line.splitn(2, "  ").map(str::trim);
    let (name, rest) = (columns.next().unwrap(), columns.next().expect("two more columns"));
    let (default, about) = rest.split_once("  ").expect("a third column");
    Key { name: name.to_owned(), default: default.to_owned(), about: about.trim().to_owned() }
}
