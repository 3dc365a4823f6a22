//! Dumps, backups and recoveries of our servers with PostgreSQL's own programs, as an operator does it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use super::cluster::{Layout, USER};
use super::server::PostgresServer;
use crate::home::Place;
use crate::port::free_port;

impl PostgresServer {
    /// Runs a program that comes with the server (`pg_dump`, `psql`), as the owner of everything, and returns what it wrote.
    ///
    /// # Errors
    /// When the program is not there, or fails; the message has its words.
    pub fn program(&self, name: &str, arguments: &[&str]) -> Result<String> {
        self.run_in(self.place(), name, arguments)
    }

    /// A new, empty folder that the server may write into, in the place of an older one of this name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.place().dir().join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        self.place().make_dir(&folder)?;
        Ok(folder)
    }

    /// Copies the running server into a place of its own, where [`PostgresServer::recover`] finds it.
    ///
    /// # Errors
    /// When its data are disposable (those keep no log), or `pg_basebackup` is not there or fails.
    pub fn base_backup(&self, place: &Place) -> Result<()> {
        ensure!(self.is_durable(), "a disposable server has nothing to recover from");
        let copy = Layout::of(place);
        if copy.root.exists() {
            std::fs::remove_dir_all(&copy.root).context("remove the old copy")?;
        }
        place.make_dir(&copy.root)?;
        let data = copy.data().display().to_string();
        self.run_in(place, "pg_basebackup", &["--pgdata", &data, "--checkpoint=fast"]).map(drop)
    }

    /// Starts the copy in `place` and waits until it has replayed the archived log as far as `settings` tell it, and takes
    /// writes. Password and settings of the command line are those of this server.
    ///
    /// # Errors
    /// When it does not come up within a minute.
    pub fn recover(&self, place: &Place, settings: &str) -> Result<Self> {
        let data = Layout::of(place).data();
        let file = data.join("postgresql.auto.conf");
        let own = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        place.write(&file, &format!("{own}\n{settings}\n"))?;
        place.create(&data.join("recovery.signal"))?;
        self.twin(place, free_port(place.seed())?)
    }

    fn run_in(&self, place: &Place, name: &str, arguments: &[&str]) -> Result<String> {
        let bin = self.bin()?;
        let program = bin.join(name);
        if !program.is_file() {
            bail!(
                "PostgreSQL was found in {} without {name}: install its client programs, too \
                 (Debian: apt-get install postgresql-client)",
                bin.display()
            );
        }
        let mut command = place.command(&program);
        command.args(arguments).env("PGHOST", "127.0.0.1").env("PGPORT", self.port().to_string());
        command.env("PGUSER", USER).env("PGPASSWORD", self.password());
        let output = command.output().with_context(|| format!("run {name}"))?;
        if !output.status.success() {
            bail!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("read what {name} wrote"))
    }
}
