//! The database's disk is full, and is freed again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use messenger_backing::Durability;
use messenger_chaos::nemesis::Nemesis;
use messenger_chaos::scenario::Servers;
use messenger_support::private_postgres;
use tokio::time::sleep;

use crate::run::{PLAN, disturbed_on, ms};

/// Room of the disk, and more than that.
const DISK: &str = "size=24m";
const TOO_MUCH: usize = 32 << 20;
const MOVE: &str = "SELECT format('ALTER TABLE %s SET TABLESPACE small', c.oid::regclass) FROM pg_class c \
     WHERE c.oid IN ('entries'::regclass, 'conversations'::regclass) \
     UNION ALL SELECT format('ALTER INDEX %s SET TABLESPACE small', i.indexrelid::regclass) FROM pg_index i \
     WHERE i.indrelid IN ('entries'::regclass, 'conversations'::regclass)";

/// A small disk of its own, gone with this value.
struct Disk(PathBuf);

impl Disk {
    /// `None` where nobody may mount one.
    fn mount() -> Option<Self> {
        let path = PathBuf::from(format!("/var/tmp/messenger-disk-{}", std::process::id()));
        fs::create_dir_all(&path).ok()?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&path).output();
        let disk = Self(path);
        mounted.is_ok_and(|output| output.status.success()).then_some(disk)
    }

    /// A folder on it that belongs to whoever runs this process.
    fn folder_of(&self, pid: u32) -> PathBuf {
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{pid}")).unwrap());
        let folder = self.0.join("data");
        fs::create_dir(&folder).unwrap();
        chown(&folder, Some(owner), None).unwrap();
        for path in [&self.0, &folder] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    /// Fills it to the last byte.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        // It ends with the error that it is meant to end with.
        let _ = fs::write(&ballast, vec![0; TOO_MUCH]);
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

/// The log and its indexes onto the small disk.
async fn move_log(nemesis: &mut Nemesis, folder: &Path) {
    let administrator = nemesis.cluster().messages().await;
    let create = format!("CREATE TABLESPACE small LOCATION '{}'", folder.display());
    administrator.batch_execute(&create).await.unwrap();
    for row in administrator.query(MOVE, &[]).await.unwrap() {
        administrator.batch_execute(row.get(0)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_acknowledges_nothing_and_recovers_without_a_restart() {
    let Some(disk) = Disk::mount() else {
        println!("skipped: mounting a small disk needs root");
        return;
    };
    let servers =
        || Servers { postgres: Some(private_postgres(Durability::Durable, &[])), ..Servers::default() };
    let mut refused = None;
    let report = disturbed_on(servers, PLAN, async |nemesis| {
        let folder = disk.folder_of(nemesis.cluster().postgres().pid());
        nemesis
            .as_fault("fill the disk", async |nemesis| {
                move_log(nemesis, &folder).await;
                let ballast = disk.fill();
                sleep(ms(4000)).await;
                let log = nemesis.cluster().messages().await;
                let before: i64 = log.query_one("SELECT count(*) FROM entries", &[]).await?.get(0);
                sleep(ms(1500)).await;
                let after: i64 = log.query_one("SELECT count(*) FROM entries", &[]).await?.get(0);
                refused = Some(before == after);
                fs::remove_file(ballast)?;
                Ok(())
            })
            .await
    })
    .await;
    assert_eq!(refused, Some(true), "the disk was not full");
    report.assert_kept();
}
