//! What the commands of all programs have in common: how an operator asks, and with which exit code they end.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::Args;

/// How it is told, and who asks.
#[derive(Debug, Clone, Args)]
pub struct Manner {
    /// Tell it as JSON, an object a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// Who asks, for the log; without it the user of the system.
    #[arg(long, global = true, value_name = "NAME")]
    pub by: Option<String>,
}

impl Manner {
    /// Who does not say who he is, is whom the system takes him for.
    #[must_use]
    pub fn signed(self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let by = self.by.or_else(|| ["SUDO_USER", "USER"].into_iter().find_map(lookup));
        Self { by, ..self }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The context of all that is wrong with the configuration: starting it again as it is does not help.
    #[error("configuration")]
    Misconfigured,
    /// There is nothing of this name.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The output is closed.
    #[error("write the answer")]
    Output(#[from] io::Error),
    /// Whatever it stands on.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// How a process ends that failed for this reason, or for one that is not known.
    pub fn exit_code(reason: Option<&Self>) -> ExitCode {
        match reason {
            // EX_CONFIG of sysexits.h.
            Some(Self::Misconfigured) => ExitCode::from(78),
            // 2 is usage that is wrong.
            Some(Self::NotFound(_)) => ExitCode::from(3),
            Some(Self::Output(_) | Self::Other(_)) | None => ExitCode::FAILURE,
        }
    }
}
