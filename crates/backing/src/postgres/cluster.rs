//! PostgreSQL's binaries, and the data folder that they create.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::Progress;
use crate::home::Place;
use crate::postgres::Durability;
use crate::search::SearchPath;
use crate::user::random_secret;

/// Oldest version with `pg_current_xact_id()` and everything else that the migrations use.
const OLDEST: u32 = 13;
/// First version that knows the locale C.UTF-8 by itself, on every operating system.
const BUILTIN_LOCALE: u32 = 17;
/// Makes a role. An interruption may have left it there without a file of its password.
const ROLE: &str = "DO $$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role}; END IF; END $$; \
     ALTER ROLE {role} LOGIN PASSWORD '{password}'";
pub(super) const USER: &str = "messenger";

/// A folder with runnable `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    bin: PathBuf,
    major: u32,
}

impl Binaries {
    /// Asks for the version, as the user who will run the server: it also proves that this user may.
    pub(super) fn check(place: &Place, bin: &Path) -> Result<Self> {
        let program = bin.join("postgres");
        let output = place
            .command(&program)
            .arg("--version")
            .output()
            .with_context(|| format!("run {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let major = text.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse().ok());
        let major = major.with_context(|| format!("{} does not tell its version", program.display()))?;
        if major < OLDEST {
            bail!("{} is version {major}, older than {OLDEST}", program.display());
        }
        Ok(Self { bin: bin.to_owned(), major })
    }

    /// Where the other programs of the same version are, also when a link led to the server.
    pub(super) fn bin(&self) -> Result<PathBuf> {
        let server = self.postgres().canonicalize().context("find PostgreSQL's programs")?;
        Ok(server.parent().unwrap_or(&self.bin).to_owned())
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    /// Arguments of `initdb` that give UTF-8 and case folding of all letters; the first that works is taken.
    fn locales(&self) -> Vec<&'static [&'static str]> {
        if self.major >= BUILTIN_LOCALE {
            return vec![&["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]];
        }
        vec![&["--locale=C.UTF-8"], &["--locale=en_US.UTF-8"]]
    }
}

/// Our files in a place.
pub(super) struct Layout {
    pub(super) root: PathBuf,
}

impl Layout {
    pub(super) fn of(place: &Place) -> Self {
        Self { root: place.dir().join("postgres") }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn password(&self) -> PathBuf {
        self.root.join("password")
    }

    pub(super) fn port(&self) -> PathBuf {
        self.root.join("port")
    }

    /// Where the password of a role is kept.
    fn role(&self, role: &str) -> PathBuf {
        self.root.join(format!("password.{role}"))
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    fn exists(&self) -> bool {
        self.data().join("PG_VERSION").is_file()
    }
}

/// The first installed version that runs; data that are to be kept decide which version it must be.
pub(super) fn installed(
    place: &Place,
    durability: Durability,
    search: &SearchPath,
) -> Result<Option<Binaries>> {
    let mut usable = search.postgres().filter_map(|bin| Binaries::check(place, bin).ok());
    let layout = Layout::of(place);
    if durability == Durability::Disposable || !layout.exists() {
        return Ok(usable.next());
    }
    let needed = data_version(&layout)?;
    Ok(usable.find(|binaries| binaries.major == needed))
}

/// Makes sure that there is a data folder which these binaries can serve.
pub(super) fn prepare(
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
    databases: &[&str],
    progress: Progress<'_>,
) -> Result<Layout> {
    let layout = Layout::of(place);
    if layout.exists() && durability == Durability::Durable {
        let version = data_version(&layout)?;
        if version != binaries.major {
            bail!(
                "{} was written by PostgreSQL {version}, but only version {} is here: install version {version}, \
                 or delete the data with `cargo xtask reset`",
                layout.data().display(),
                binaries.major
            );
        }
        return Ok(layout);
    }
    progress(&format!("creating a PostgreSQL {} data folder", binaries.major));
    create(place, binaries, durability, databases).context("create PostgreSQL's data folder")?;
    Ok(layout)
}

fn data_version(layout: &Layout) -> Result<u32> {
    let file = layout.data().join("PG_VERSION");
    let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    text.trim().parse().with_context(|| format!("read the version in {}", file.display()))
}

/// Builds a new folder beside the final one and renames it at the end, so that an interruption leaves nothing half.
fn create(place: &Place, binaries: &Binaries, durability: Durability, databases: &[&str]) -> Result<()> {
    let layout = Layout::of(place);
    let fresh = Layout { root: place.dir().join("postgres.new") };
    for old in [&fresh.root, &layout.root] {
        if old.exists() {
            std::fs::remove_dir_all(old).with_context(|| format!("remove {}", old.display()))?;
        }
    }
    place.make_dir(&fresh.root)?;
    place.write(&fresh.password(), &random_secret()?)?;
    initdb(place, binaries, durability, &fresh)?;
    for database in databases {
        create_database(place, binaries, &fresh, database)?;
    }
    std::fs::rename(&fresh.root, &layout.root).context("keep the new data folder")
}

fn initdb(place: &Place, binaries: &Binaries, durability: Durability, fresh: &Layout) -> Result<()> {
    let mut failure = None;
    for locale in binaries.locales() {
        let mut command = place.command(&binaries.bin.join("initdb"));
        command.args(["--encoding=UTF8", "--auth=password", "--username", USER]).args(locale);
        command.arg("--pwfile").arg(fresh.password()).arg("--pgdata").arg(fresh.data());
        if durability == Durability::Disposable {
            command.arg("--no-sync");
        }
        match run(&mut command) {
            Ok(()) => return Ok(()),
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(()), Err)
}

fn create_database(place: &Place, binaries: &Binaries, fresh: &Layout, database: &str) -> Result<()> {
    check_name(database)?;
    single_user(place, binaries, fresh, &["CREATE DATABASE ", database].concat())
}

/// Makes sure that the role is there; its password. The server must not be running.
pub(super) fn role(place: &Place, binaries: &Binaries, role: &str) -> Result<String> {
    check_name(role)?;
    let layout = Layout::of(place);
    let file = layout.role(role);
    if let Ok(password) = std::fs::read_to_string(&file) {
        return Ok(password);
    }
    let password = random_secret()?;
    let statement = ROLE.replace("{role}", role).replace("{password}", &password);
    single_user(place, binaries, &layout, &statement)?;
    place.write(&file, &password)?;
    Ok(password)
}

fn check_name(name: &str) -> Result<()> {
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        bail!("`{name}` is no name of ours: lower-case letters and _ only");
    }
    Ok(())
}

/// One statement in single-user mode: no client program and no driver are needed.
fn single_user(place: &Place, binaries: &Binaries, layout: &Layout, statement: &str) -> Result<()> {
    let mut child = place
        .command(&binaries.postgres())
        .args(["--single", "-j", "-D"])
        .arg(layout.data())
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("run PostgreSQL in single-user mode")?;
    let mut input = child.stdin.take().context("talk to PostgreSQL")?;
    write!(input, "{statement};\n\n")?;
    drop(input);
    let output = child.wait_with_output()?;
    let messages = String::from_utf8_lossy(&output.stderr);
    // Single-user mode reports a failed statement but exits with success.
    if !output.status.success() || messages.contains("ERROR:") || messages.contains("FATAL:") {
        // The log repeats the statement, which may hold a password.
        let reason = messages.lines().find(|line| line.contains("ERROR:") || line.contains("FATAL:"));
        bail!("PostgreSQL in single-user mode: {}", reason.unwrap_or("it failed").trim());
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
