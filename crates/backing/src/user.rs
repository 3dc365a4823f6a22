//! Which user the servers run as (PostgreSQL refuses root), and the passwords that keep other users out.

use std::fmt::Write as _;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use nix::unistd::{User, geteuid};

/// Tried in this order when we are root.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerUser {
    /// We are a normal user, and so are the servers.
    Ourselves,
    /// We are root, the servers are somebody else.
    Other { uid: u32, gid: u32 },
}

impl ServerUser {
    pub(crate) fn detect() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        for name in UNPRIVILEGED {
            if let Some(user) = User::from_name(name).context("look up the servers' user")? {
                return Ok(Self::Other { uid: user.uid.as_raw(), gid: user.gid.as_raw() });
            }
        }
        anyhow::bail!(
            "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as"
        )
    }

    /// Makes the command run as this user (supplementary groups are dropped with it).
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    pub(crate) fn own(self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("give {} to the servers' user", path.display()))?;
        }
        Ok(())
    }
}

/// 128 random bits in hexadecimal: a password, or a secret that services share.
///
/// # Errors
/// When the operating system has no random bits.
pub fn random_secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes).context("get random bytes")?;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
