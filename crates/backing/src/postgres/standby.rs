//! A standby that follows one of our servers, for tests of a fail-over.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use super::cluster::{Layout, USER};
use super::server::{PostgresServer, START};
use crate::home::Place;
use crate::port::free_port;
use crate::process::signal_pid;

const LOOK: Duration = Duration::from_millis(20);
/// How long a promotion may take.
const PROMOTION: Duration = Duration::from_secs(30);

impl PostgresServer {
    /// A second server in a place of its own that repeats everything which this one does from now on. This one is
    /// stopped meanwhile, so that its files can be copied: no further program of PostgreSQL is needed.
    ///
    /// Databases and password are the same. With `synchronous_standby_names=*` among this one's settings its commits
    /// wait for the standby from here on.
    ///
    /// # Errors
    /// When this one's data are disposable (those keep no log to follow), or a server does not start.
    pub fn standby(&mut self, place: &Place) -> Result<Self> {
        ensure!(self.is_durable(), "a disposable server cannot be followed");
        self.stop()?;
        let (own, copy) = (Layout::of(self.place()), Layout::of(place));
        if copy.root.exists() {
            std::fs::remove_dir_all(&copy.root).context("remove the old standby")?;
        }
        let copied = place.command("cp".as_ref()).arg("-a").arg(&own.root).arg(&copy.root).status();
        ensure!(copied.context("copy the data")?.success(), "the data cannot be copied");
        place.create(&copy.data().join("standby.signal"))?;
        let primary = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user={USER} password={} application_name=standby'\n",
            self.port(),
            self.password()
        );
        // In a file, because a command line can be read by every user of the machine.
        place.write(&copy.data().join("postgresql.auto.conf"), &primary)?;
        self.start_again()?;
        self.twin(place, free_port(place.seed())?)
    }

    /// Makes a primary of a standby: what it has received is all there is, and it takes writes.
    ///
    /// # Errors
    /// When it does not become one within 30 s.
    pub fn promote(&self) -> Result<()> {
        let data = Layout::of(self.place()).data();
        // As `pg_ctl promote` does it.
        self.place().create(&data.join("promote"))?;
        signal_pid(self.pid(), Signal::SIGUSR1)?;
        let deadline = Instant::now() + PROMOTION.min(START);
        while data.join("standby.signal").exists() {
            if Instant::now() >= deadline {
                bail!("the standby was not promoted:\n{}", self.log_tail());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}
